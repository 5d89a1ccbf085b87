"""Anchors, detections and raw outputs against the reference."""

from pathlib import Path

import pytest

from kittidet.config import VARIANTS
from kittidet.parity.comparison import compare_all

ORACLE = Path(__file__).parents[4] / "shared" / "oracle"


@pytest.mark.parametrize("name", ["anchors_lite0_320", "anchors_512", "postprocess"])
def test_the_network_is_the_references(name, tmp_path):
    file = ORACLE / f"{name}.npz"
    if not file.is_file():
        pytest.skip(f"the reference's numbers are not here: {file}")
    (tmp_path / file.name).symlink_to(file)
    lines = [line for _, line in compare_all(tmp_path)]
    assert lines
    assert [line for line in lines if not line.passed] == []


@pytest.mark.slow
@pytest.mark.parametrize("variant", [v for v in VARIANTS if v != "d7"])
def test_every_variants_raw_outputs_are_the_references(variant, tmp_path):
    folder = tmp_path / "forward_256x128"
    folder.mkdir()
    stored = "efficientdet-d7x_512x256.npz" if variant == "d7x" else f"forward_256x128/efficientdet-{variant}.npz"
    if not (ORACLE / stored).is_file():
        pytest.skip(f"the reference's numbers are not here: {ORACLE / stored}")
    (tmp_path / stored).symlink_to(ORACLE / stored)
    lines = [line for _, line in compare_all(tmp_path)]
    assert len(lines) == 2
    assert [line for line in lines if not line.passed] == []
