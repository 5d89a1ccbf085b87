import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kittidet.classes import KITTI8
from kittidet.export.serving import run_saved_model


@pytest.fixture
def saved(exported):
    return exported.path / "saved_model"


def test_bytes_go_in_and_boxes_in_pixels_of_each_image_come_out(saved, checks):
    found = run_saved_model(saved, checks.encoded)
    assert len(found) == len(checks.names)
    for one, source in zip(found, checks.detections, strict=True):
        strong = source.scores > 0.1
        assert strong.any()
        for box, score, class_id in zip(
            source.xyxy[strong], source.scores[strong], source.class_ids[strong], strict=True
        ):
            gaps = np.abs(one["boxes_xyxy"] - box).max(axis=1)
            match = np.argmin(np.where(one["class_ids"] == class_id, gaps, np.inf))
            assert gaps[match] < 0.5
            assert one["scores"][match] == pytest.approx(score, abs=2e-3)


def test_one_picture_gives_the_same_alone_and_in_a_batch_whatever_its_encoding(saved, checks):
    with Image.open(io.BytesIO(checks.encoded[0])) as picture:
        buffer = io.BytesIO()
        picture.save(buffer, "BMP")
    alone, batch = run_saved_model(saved, [buffer.getvalue()])[0], run_saved_model(saved, checks.encoded)[0]
    assert np.allclose(alone["scores"][:3], batch["scores"][:3], atol=1e-4)


def test_class_names_travel_with_the_model_and_rows_after_the_last_are_zero(saved, checks):
    assert (saved / "assets" / "class_names.txt").read_text().split() == list(KITTI8.names)
    found = tf.saved_model.load(str(saved)).signatures["serving_default"](image_bytes=tf.constant(checks.encoded))
    last = int(found["num_valid"][0])
    assert not np.any(found["boxes_xyxy"][0, last:])
    assert set(np.unique(found["class_ids"][0, :last])) <= set(range(1, 9))


def test_bytes_that_are_no_image_are_an_error(saved):
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_saved_model(saved, [b"no picture"])
