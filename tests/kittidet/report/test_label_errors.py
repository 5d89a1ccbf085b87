import numpy as np
import pytest
from PIL import Image

from kittidet.classes import KITTI8
from kittidet.eval.diagnosis import LabelError
from kittidet.frame import Frame
from kittidet.report.label_errors import describe_label_error, draw_label_error, label_error_images
from kittidet.runs.run import Run


def error(xyxy, labelled=None):
    return LabelError("000001", "missing_annotation", xyxy, 0.91, "Car", labelled, 0.0)


@pytest.fixture
def frame(tmp_path):
    """Left half dark, right half light: what was cut out shows in its colours."""
    pixels = np.zeros((375, 1242, 3), np.uint8)
    pixels[:, 621:] = 200
    Image.fromarray(pixels).save(tmp_path / "000001.png")
    return Frame("000001", tmp_path / "000001.png", (1242, 375), ())


@pytest.mark.parametrize(
    "xyxy",
    [(10, 10, 14, 13), (1200, 340, 1242, 375), (600, 150, 700, 200), (0, 0, 1242, 375), (100, 0, 130, 375)],
    ids=["tiny in a corner", "in the other corner", "in the middle", "the whole image", "as high as the image"],
)
def test_any_box_is_shown_with_its_surroundings_at_one_width(frame, xyxy):
    image = draw_label_error(frame, error(xyxy), KITTI8)
    assert image.width == 480
    assert 100 <= image.height <= 480
    blue = np.array([0x38, 0xA1, 0xFF])
    assert (np.asarray(image) == blue).all(axis=2).any()


def test_the_place_in_question_is_in_the_middle(frame):
    image = np.asarray(draw_label_error(frame, error((601, 170, 641, 200)), KITTI8))
    assert image[5, 5].max() < 20
    assert image[5, -5].min() > 180
    edge = np.flatnonzero(np.diff(image[-5, :, 0].astype(int)) > 20)
    assert abs(edge.mean() - 240) < 10


def test_both_opinions_are_said():
    assert describe_label_error(error((0, 0, 1, 1))) == "Car 0.91, nothing labelled"
    assert describe_label_error(error((0, 0, 1, 1), "Van")) == "Car 0.91, labelled Van"


@pytest.fixture(scope="module")
def run(finished_run, synthetic_tree):
    return Run.open(finished_run, tree=synthetic_tree)


def test_no_errors_leave_no_folder(run, tmp_path):
    assert label_error_images(tmp_path, run, []) == []
    assert list(tmp_path.iterdir()) == []


def test_two_errors_of_one_frame_are_two_images(run, tmp_path):
    frame_id = run.frames[0].frame_id
    one = LabelError(frame_id, "wrong_label", (10, 10, 90, 60), 0.9, "Car", "Van", 0.8)
    images = label_error_images(tmp_path, run, [one, one])
    assert [i["png"] for i in images] == [f"label_errors/01_{frame_id}.png", f"label_errors/02_{frame_id}.png"]
    assert all((tmp_path / i["png"]).is_file() for i in images)
    assert images[0]["caption"] == "Car 0.90, labelled Van"
