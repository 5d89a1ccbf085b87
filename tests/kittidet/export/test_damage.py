from pathlib import Path

import pytest

from kittidet.errors import ExportError
from kittidet.export.damage import opening


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (IndexError("Read less bytes than requested"), "Read less bytes than requested. It is missing"),
        (OSError("\n  first.\nsecond"), "first. It is missing"),
        (KeyError(), "KeyError. It is missing"),
    ],
)
def test_whatever_a_runtime_raises_names_the_file_its_reason_and_the_next_step(raised, said):
    with pytest.raises(ExportError) as caught, opening(Path("out/model"), "a SavedModel"):
        raise raised
    assert str(caught.value).startswith("out/model: cannot be opened as a SavedModel: ")
    assert said in str(caught.value)
    assert str(caught.value).endswith("export it again.")
    assert caught.value.__cause__ is raised


def test_what_opens_goes_through():
    with opening(Path("m"), "a SavedModel"):
        opened = True
    assert opened
