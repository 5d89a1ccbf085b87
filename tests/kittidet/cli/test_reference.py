"""kittidet.cli.reference: the exit code says whether the detector equals the reference."""

import pytest
import typer

from kittidet.cli import parity as comparisons
from kittidet.cli.reference import parity


def test_a_difference_ends_with_exit_code_1(monkeypatch, tmp_path):
    monkeypatch.setattr(comparisons, "parity", lambda _: False)
    with pytest.raises(typer.Exit):
        parity(tmp_path)
    monkeypatch.setattr(comparisons, "parity", lambda _: True)
    parity(tmp_path)


def test_a_folder_without_reference_outputs_is_named(tmp_path):
    with pytest.raises(typer.BadParameter, match=str(tmp_path)):
        parity(tmp_path)
