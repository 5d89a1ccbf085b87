"""Rows of many frames as one table, and their overlaps."""

import numpy as np

from kittidet.boxes import coverage_xyxy, iou_xyxy
from kittidet.eval.kitti_protocol import rows as rows_module
from kittidet.eval.kitti_protocol.rows import build_rows, covered_share, overlapping_pairs
from kittidet.frame import KittiObject


def boxes(rng, frames, each):
    def item(score):
        left, top = rng.uniform(0, 60, 2)
        box = (left, top, left + rng.uniform(10, 90), top + rng.uniform(10, 90))
        return KittiObject("Car", 0, 0, -10, box, (-1, -1, -1), (0, 0, 0), -10, score)

    return {f"{i:06d}": [item(rng.random()) for _ in range(rng.integers(0, each))] for i in range(frames)}


def test_no_frames_and_no_rows_give_empty_tables():
    empty = build_rows({}, [], keep_order=False)
    assert len(empty) == 0
    assert empty.xyxy.shape == (0, 4)
    assert len(overlapping_pairs(empty, empty, above_iou=0.1).iou) == 0
    assert covered_share(empty, empty).shape == (0,)


def test_pairs_and_cover_of_many_frames_equal_those_of_each_frame(monkeypatch):
    monkeypatch.setattr(rows_module, "_FRAMES_AT_A_TIME", 3)
    rng = np.random.default_rng(0)
    truth, found = boxes(rng, 10, 6), boxes(rng, 10, 6)
    names = sorted(truth)
    a, b = build_rows(truth, names, keep_order=True), build_rows(found, names, keep_order=True)
    pairs = overlapping_pairs(a, b, above_iou=0.2)
    share = covered_share(b, a)
    expected = []
    for number in range(len(names)):
        i, j = np.flatnonzero(a.frame == number), np.flatnonzero(b.frame == number)
        iou = iou_xyxy(a.xyxy[i], b.xyxy[j])
        expected += [(i[p], j[q], iou[p, q]) for p, q in np.argwhere(iou > 0.2)]
        cover = coverage_xyxy(b.xyxy[j], a.xyxy[i]).max(axis=1, initial=0)
        np.testing.assert_allclose(share[j], cover)
    got = list(zip(pairs.truth, pairs.found, pairs.iou, strict=True))
    assert len(got) > 5
    np.testing.assert_allclose(sorted(got), sorted(expected))


def test_sorted_rows_are_the_same_in_any_file_order():
    table = boxes(np.random.default_rng(1), 4, 8)
    names = sorted(table)
    one = build_rows(table, names, keep_order=False)
    other = build_rows({k: v[::-1] for k, v in table.items()}, names, keep_order=False)
    np.testing.assert_array_equal(one.xyxy, other.xyxy)
    assert (np.diff(one.score)[np.diff(one.frame) == 0] <= 0).all()
