import numpy as np
import pytest
from PIL import Image

from kittidet.classes import KITTI8
from kittidet.errors import DatasetContractError
from kittidet.eval.diagnosis import LabelError
from kittidet.frame import Frame
from kittidet.report.label_errors import describe_label_error, draw_label_error


def doubt(xyxy, labelled=None):
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
    picture = draw_label_error(frame, doubt(xyxy), KITTI8)
    assert picture.width == 480
    assert 100 <= picture.height <= 480
    blue = np.array([0x38, 0xA1, 0xFF])
    assert (np.asarray(picture) == blue).all(axis=2).any()


def test_the_place_in_question_is_in_the_middle(frame):
    picture = np.asarray(draw_label_error(frame, doubt((601, 170, 641, 200)), KITTI8))
    assert picture[5, 5].max() < 20
    assert picture[5, -5].min() > 180
    edge = np.flatnonzero(np.diff(picture[-5, :, 0].astype(int)) > 20)
    assert abs(edge.mean() - 240) < 10


def test_both_opinions_are_said():
    assert describe_label_error(doubt((0, 0, 1, 1))) == "Car 0.91, nothing labelled"
    assert describe_label_error(doubt((0, 0, 1, 1), "Van")) == "Car 0.91, labelled Van"


def test_an_image_that_cannot_be_read_is_named(tmp_path):
    missing = Frame("000001", tmp_path / "000001.png", (10, 10), ())
    with pytest.raises(DatasetContractError, match=r"000001\.png"):
        draw_label_error(missing, doubt((0, 0, 5, 5)), KITTI8)
