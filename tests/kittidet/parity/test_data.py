"""Letterbox and COCO metric against the reference."""

from pathlib import Path

import pytest

from kittidet.parity.comparison import checks, compare_all

ORACLE = Path(__file__).parents[4] / "shared" / "oracle"


@pytest.mark.parametrize("name", ["preprocess", "coco_metric"])
def test_what_surrounds_the_network_is_the_references(name, tmp_path):
    file = ORACLE / f"{name}.npz"
    if not file.is_file():
        pytest.skip(f"the reference's numbers are not here: {file}")
    assert f"{name}.npz" in checks()
    (tmp_path / file.name).symlink_to(file)
    lines = [line for _, line in compare_all(tmp_path)]
    assert lines
    assert [line for line in lines if not line.passed] == []
