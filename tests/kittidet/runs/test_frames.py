"""COCO files of a run as frames and detections, and frames held equal to their data."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kittidet.classes import DONT_CARE, KITTI8
from kittidet.errors import DatasetContractError
from kittidet.eval.coco_format import coco_ground_truth, result_rows
from kittidet.frame import Detections, KittiObject
from kittidet.kitti.frames import load_frame
from kittidet.kitti.tree import open_tree
from kittidet.runs.frames import frame_detections, labelled_frames, with_labels


@pytest.fixture
def frames(synthetic_tree):
    return [load_frame(synthetic_tree, i) for i in synthetic_tree.frame_ids]


def test_a_ground_truth_is_its_frames_boxes_and_classes_again(frames):
    truth = coco_ground_truth(frames, KITTI8)
    back = labelled_frames(truth, KITTI8)
    assert [f.frame_id for f in back] == [f.frame_id for f in frames]
    assert coco_ground_truth(back, KITTI8) == truth
    assert labelled_frames(coco_ground_truth([], KITTI8), KITTI8) == ()


def test_a_crowd_of_a_ground_truth_is_a_region_of_its_class_again(frames):
    region = KittiObject.of_box(DONT_CARE, (5.0, 6.0, 20.0, 30.0), region_of="Van")
    crowded = [replace(frame, objects=(region, *frame.objects)) for frame in frames]
    truth = coco_ground_truth(crowded, KITTI8)
    assert sum(item["iscrowd"] for item in truth["annotations"]) == len(frames)
    back = labelled_frames(truth, KITTI8)
    assert back[0].objects[0] == region
    assert coco_ground_truth(back, KITTI8) == truth


def test_rows_are_one_record_a_frame_again_best_first_in_corners(frames):
    truth = coco_ground_truth(frames, KITTI8)
    ids = {image["frame_id"]: image["id"] for image in truth["images"]}
    boxes = np.array([[1, 2, 5, 9], [3, 4, 8, 6], [0, 0, 2, 2]], np.float32)
    # Of equal scores the first stays first.
    given = Detections("000001", boxes, np.array([0.5, 0.9, 0.5], np.float32), np.array([1, 2, 3], np.int32))
    found = frame_detections(result_rows([given], ids, KITTI8), truth)
    assert [d.frame_id for d in found] == [f.frame_id for f in frames]
    (mine,) = [d for d in found if len(d)]
    assert mine.frame_id == "000001"
    assert mine.class_ids.tolist() == [2, 1, 3]
    np.testing.assert_array_equal(mine.xyxy, boxes[[1, 0, 2]])


def test_data_that_the_run_was_not_scored_on_is_refused(frames, synthetic_tree, tmp_path):
    bare = labelled_frames(coco_ground_truth(frames, KITTI8), KITTI8)
    assert with_labels(bare, synthetic_tree, KITTI8) == tuple(frames)
    other = Path(shutil.copytree(synthetic_tree.root, tmp_path / "other"))
    label = other / "training" / "label_2" / f"{synthetic_tree.frame_ids[0]}.txt"
    label.write_text("Car 0.00 0 0.00 1.00 1.00 9.00 9.00 1.50 1.60 3.90 0.00 1.50 20.00 0.00\n")
    with pytest.raises(DatasetContractError, match="other labels"):
        with_labels(bare, open_tree(other), KITTI8)
    label.unlink()
    with pytest.raises(DatasetContractError, match="not there"):
        with_labels(bare, open_tree(other), KITTI8)


def test_data_with_a_box_beyond_the_image_are_the_runs_own_clipped_or_not(frames, synthetic_tree, tmp_path):
    """Case: box_outside_clip. Runs of an earlier version kept the box as the label has it."""
    root = Path(shutil.copytree(synthetic_tree.root, tmp_path / "tree"))
    label = root / "training" / "label_2" / f"{synthetic_tree.frame_ids[0]}.txt"
    label.write_text("Car 0.00 0 0.00 -33.65 1.00 9.00 9.00 1.50 1.60 3.90 0.00 1.50 20.00 0.00\n")
    tree = open_tree(root)
    raw = [load_frame(tree, i) for i in tree.frame_ids]
    clipped = labelled_frames(coco_ground_truth(raw, KITTI8), KITTI8)
    assert clipped[0].objects[0].xyxy == (0, 1, 9, 9)
    for ours in (clipped, raw):
        assert with_labels(ours, tree, KITTI8)[0].objects[0].xyxy == (0, 1, 9, 9)
