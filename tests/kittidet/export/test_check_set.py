import numpy as np
from PIL import Image

from kittidet.export.check_set import build_check_set, candidates_of, to_detections


def test_the_drawn_pictures_come_with_the_sources_answers(checks, detector):
    assert len(checks.names) == len(checks.encoded) == len(checks.detections) == 3
    assert checks.images.shape == (3, 64, 128, 3)
    probabilities, boxes = candidates_of(checks.raw, detector)
    assert probabilities.shape[:2] == boxes.shape[:2]
    assert ((probabilities > 0) & (probabilities < 1)).all()
    best = max(d.scores.max() for d in checks.detections)
    assert np.isclose(probabilities.max(), best, atol=1e-3)


def test_given_pictures_are_used_at_their_size(detector, evaluation, tmp_path):
    Image.new("RGB", (90, 50), "grey").save(tmp_path / "a.png")
    checks = build_check_set(detector, evaluation=evaluation, pictures=[tmp_path / "a.png"])
    assert checks.names == ["0-a"]
    assert checks.sizes_wh == [(90, 50)]


def test_boxes_are_clipped_to_the_picture_and_those_outside_left_out():
    kept = to_detections("a", [[-5, -5, 20, 20], [120, 5, 140, 9]], [0.9, 0.8, 0.0], [1, 2, 0], (100, 50))
    assert kept.xyxy.tolist() == [[0, 0, 20, 20]]
    assert kept.class_ids.tolist() == [1]
