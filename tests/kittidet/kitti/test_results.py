import numpy as np

from kittidet.classes import KITTI8
from kittidet.frame import Detections
from kittidet.kitti.labels import parse_label_file
from kittidet.kitti.results import write_kitti_results

FOUND = Detections(
    "000003",
    np.array([[1.25, 2.5, 40.75, 30], [0, 0, 5, 5]], np.float32),
    np.array([0.875, 0.0625], np.float32),
    np.array([1, 4], np.int32),
)
NOTHING = Detections("000004", np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))


def test_result_files_read_back_as_what_was_found(tmp_path):
    rows = parse_label_file(write_kitti_results(FOUND, KITTI8, tmp_path), with_score=True)
    assert [(row.type, row.xyxy, row.score) for row in rows] == [
        ("Car", (1.25, 2.5, 40.75, 30.0), 0.875),
        ("Pedestrainn", (0.0, 0.0, 5.0, 5.0), 0.0625),
    ]


def test_a_frame_without_detections_has_an_empty_file(tmp_path):
    path = write_kitti_results(NOTHING, KITTI8, tmp_path)
    assert path.name == "000004.txt"
    assert path.read_bytes() == b""
