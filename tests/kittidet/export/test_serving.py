import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kittidet.classes import KITTI8
from kittidet.export.serving import open_saved_model


@pytest.fixture(scope="module")
def serve(exported):
    return open_saved_model(exported.path / "saved_model")


def test_bytes_go_in_and_boxes_in_pixels_of_each_image_come_out(serve, checks):
    found = serve(checks.encoded)
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


def test_one_picture_gives_the_same_alone_and_in_a_batch_whatever_its_encoding(serve, checks):
    with Image.open(io.BytesIO(checks.encoded[0])) as picture:
        buffer = io.BytesIO()
        picture.save(buffer, "BMP")
    alone, batch = serve([buffer.getvalue()])[0], serve(checks.encoded)[0]
    assert np.allclose(alone["scores"][:3], batch["scores"][:3], atol=1e-4)


def test_class_names_travel_with_the_model_and_every_detection_has_one(serve, exported, checks):
    names = (exported.path / "saved_model" / "assets" / "class_names.txt").read_text().split()
    assert names == list(KITTI8.names)
    for one in serve(checks.encoded):
        assert len(one["scores"]) == len(one["boxes_xyxy"]) == len(one["class_ids"])
        assert ((one["class_ids"] >= 1) & (one["class_ids"] <= len(names))).all()
        assert (one["scores"] > 0).all()


def test_bytes_that_are_no_image_are_an_error(serve):
    with pytest.raises(tf.errors.InvalidArgumentError):
        serve([b"no picture"])
