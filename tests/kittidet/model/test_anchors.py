"""Anchors equal the reference's bit for bit, in its order."""

from pathlib import Path

import numpy as np
import pytest

from kittidet.model.anchors import anchor_coverage, build_anchors

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "anchors.npz"
ORACLE = ROOT.parent / "shared" / "oracle"
CASES = {
    "anchors_512": ("d0", (512, 512)),
    "anchors_d0_384x1280": ("d0", (384, 1280)),
    "anchors_lite0_320": ("lite0", (320, 320)),
}


@pytest.mark.parametrize("name", CASES)
def test_anchors_equal_the_references_excerpt_bit_for_bit(name):
    variant, input_hw = CASES[name]
    anchors = build_anchors(variant, input_hw=input_hw)
    with np.load(GOLDEN) as golden:
        assert anchors.shape == (golden[f"{name}/count"], 4)
        assert anchors.dtype == np.float32
        np.testing.assert_array_equal(anchors[::97], golden[f"{name}/xyxy_every_97th"])


@pytest.mark.parametrize("name", CASES)
def test_all_anchors_equal_the_reference_bit_for_bit(name):
    file = ORACLE / f"{name}.npz"
    if not file.is_file():
        pytest.skip(f"the reference's anchors are not here: {file}")
    variant, input_hw = CASES[name]
    with np.load(file) as oracle:
        np.testing.assert_array_equal(
            build_anchors(variant, input_hw=input_hw), oracle["anchors_yxyx"][:, [1, 0, 3, 2]]
        )


def test_an_odd_size_has_an_anchor_set_for_each_rounded_up_cell():
    anchors = build_anchors("d0", input_hw=(375, 1242))
    cells = 47 * 156 + 24 * 78 + 12 * 39 + 6 * 20 + 3 * 10
    assert anchors.shape == (9 * cells, 4)


def test_the_ratio_is_width_over_height():
    square, wide, tall = build_anchors("d0", input_hw=(64, 64), anchor_scale=4.0)[:3]
    sides = [(box[2] - box[0], box[3] - box[1]) for box in (square, wide, tall)]
    assert sides[0] == pytest.approx((32, 32))
    assert sides[1][0] / sides[1][1] == pytest.approx(2)
    assert sides[2][0] / sides[2][1] == pytest.approx(0.5)


def test_anchor_scale_overrides_the_variants():
    own = build_anchors("d0", input_hw=(64, 64), anchor_scale=2.0)
    assert own[0, 2] - own[0, 0] == pytest.approx(16)


@pytest.mark.parametrize("arguments", [{"input_hw": (0, 64)}, {"anchor_scale": 0.0}, {"anchor_scale": -1.0}])
def test_wrong_sizes_and_scales_are_refused(arguments):
    with pytest.raises(ValueError, match="expected"):
        build_anchors("d0", **{"input_hw": (64, 64), **arguments})


def test_coverage_counts_boxes_that_an_anchor_overlaps_enough():
    anchors = np.array([[0, 0, 10, 10], [20, 20, 30, 30]], dtype=np.float32)
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 4], [50, 50, 60, 60]], dtype=np.float32)
    assert anchor_coverage(boxes[:0], anchors, min_iou=0.5).tolist() == []
    assert anchor_coverage(boxes, anchors, min_iou=0.5).sum() == 1
    assert anchor_coverage(boxes, anchors, min_iou=0.4).sum() == 2
