"""kittidet.frame: the records that travel between rooms check themselves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kittidet.classes import KITTI3, KITTI8
from kittidet.frame import Detections, Frame, KittiObject
from kittidet.kitti.labels import format_label_line


def an_object(kind: str, left: float = 1) -> KittiObject:
    return KittiObject(kind, 0, 0, 0, (left, 2, left + 10, 20), (1, 1, 1), (0, 0, 10), 0)


def a_frame(*kinds: str) -> Frame:
    return Frame("000000", Path("x.png"), (100, 50), tuple(an_object(k, i) for i, k in enumerate(kinds)))


def test_a_frame_without_objects_gives_empty_arrays():
    boxes, ids = a_frame().labelled(KITTI8)
    assert boxes.shape == (0, 4)
    assert ids.shape == (0,)
    assert a_frame().dont_care_xyxy().shape == (0, 4)


def test_labelled_objects_are_those_the_table_knows_in_file_order():
    frame = a_frame("DontCare", "Cyclist", "Misc", "Van")
    boxes, ids = frame.labelled(KITTI3)
    assert ids.tolist() == [3, 1]
    assert boxes[:, 0].tolist() == [1, 3]
    assert (boxes.dtype, ids.dtype) == (np.float32, np.int32)
    assert frame.dont_care_xyxy().tolist() == [[0, 2, 10, 20]]


def test_a_row_of_a_box_alone_reads_as_kitti_writes_a_region():
    row = KittiObject.of_box("DontCare", (1.0, 2.0, 3.0, 4.0))
    assert format_label_line(row) == "DontCare -1 -1 -10 1.00 2.00 3.00 4.00 -1 -1 -1 -1000 -1000 -1000 -10"
    assert format_label_line(KittiObject.of_box("Car", row.xyxy, score=0.5)).split()[-2:] == ["-10", "0.5"]


@pytest.mark.parametrize(
    ("boxes", "scores", "ids"), [((2, 4), (1,), (1,)), ((1, 4), (1,), (2,)), ((1, 5), (1,), (1,)), ((4,), (1,), (1,))]
)
def test_detections_whose_arrays_disagree_are_refused(boxes, scores, ids):
    with pytest.raises(ValueError, match="frame 7"):
        Detections("7", np.zeros(boxes, np.float32), np.zeros(scores, np.float32), np.zeros(ids, np.int32))


def test_detections_count_their_boxes():
    assert len(Detections("7", np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int32))) == 0


def test_detections_above_a_score_keep_their_order_and_those_on_the_edge():
    scores = np.array([0.9, 0.5, 0.25], np.float32)
    found = Detections("7", np.arange(12, dtype=np.float32).reshape(3, 4), scores, np.array([1, 2, 3], np.int32))
    assert found.above(0.5).class_ids.tolist() == [1, 2]
    assert found.above(0.5).xyxy.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert (len(found.above(0)), len(found.above(1))) == (3, 0)


def test_a_clipped_frame_has_every_box_inside_its_image_and_the_rest_as_it_was():
    """Case: box_outside_clip."""
    outside = KittiObject.of_box("Car", (-33.65, -1, 120, 50.5))
    frame = Frame("000000", Path("x.png"), (100, 50), (outside, an_object("DontCare", 95), an_object("Van")))
    clipped = frame.clipped()
    assert [o.xyxy for o in clipped.objects] == [(0, 0, 100, 50), (95, 2, 100, 20), (1, 2, 11, 20)]
    assert [o.type for o in clipped.objects] == ["Car", "DontCare", "Van"]
    assert clipped.clipped() == clipped


@pytest.mark.parametrize(("written", "state"), [(0, 0), (2, 2), (3, 3), (-1, 3), (4, 3)])
def test_an_occlusion_that_kitti_does_not_have_is_unknown(written, state):
    assert replace(an_object("Car"), occluded=written).occlusion_state == state
