"""The scene of a set: frames in the order of their ids, those without rows too."""

import numpy as np

from kittidet.eval.kitti_protocol.scene import build_scene
from kittidet.frame import KittiObject


def row(kind, left, score=None):
    box = (float(left), 0.0, left + 100.0, 100.0)
    return KittiObject(kind, 0, 0, -10, box, (-1, -1, -1), (-1000, -1000, -1000), -10, score)


def test_frames_are_numbered_by_their_ids_and_rows_overlap_in_their_own_frame_only():
    labels = {"b": [row("Car", 0), row("DontCare", 300)], "c": [], "a": [row("Car", 0)]}
    scene = build_scene(labels, {"b": [row("Car", 0, 0.5), row("Car", 350, 0.4)]}, keep_order=True, above_iou=0.5)
    assert scene.frames == 3
    assert scene.truth.frame.tolist() == [0, 1, 1]
    assert scene.found.frame.tolist() == [1, 1]
    assert (scene.pairs.truth.tolist(), scene.pairs.found.tolist(), scene.pairs.iou.tolist()) == ([1], [0], [1.0])
    np.testing.assert_allclose(scene.covered, [0, 0.5])
