"""kittidet.cli.operations: Prefect's verbs are found by name and missed politely."""

import pytest

from kittidet.cli import operations
from kittidet.errors import KittidetError


@pytest.mark.parametrize("name", sorted(operations.HELP))
def test_every_operation_is_registered_and_loads(name):
    assert callable(operations.load_operation(name))


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(operations, "entry_points", lambda **_: ())
    with pytest.raises(KittidetError, match="pip install"):
        operations.load_operation("up")
