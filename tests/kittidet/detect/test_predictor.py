"""From images to detections in their own pixels, with a network that finds what is painted red."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kittidet.boxes import iou_xyxy
from kittidet.config import EvalConfig, ModelConfig
from kittidet.detect.images import ImageError
from kittidet.detect.letterbox import fit_letterbox
from kittidet.detect.predictor import Predictor
from kittidet.detect.sources import find_images
from kittidet.model.anchors import build_anchors
from kittidet.model.box_coder import encode_boxes

INPUT_HW = (128, 256)
CONFIG = EvalConfig(batch_size=4, score_threshold=0.05, nms="hard")


class RedFinder:
    """Stands for a network: one anchor reports the box around all red pixels, as class 2."""

    def __init__(self, input_hw):
        self.anchors = build_anchors("d0", input_hw=input_hw)
        self.batches = []

    def __call__(self, images, training):
        logits, codes = tf.numpy_function(self.find, [images], (tf.float32, tf.float32))
        count = len(self.anchors)
        return {
            "class_logits": tf.ensure_shape(logits, [None, count, 3]),
            "box_codes": tf.ensure_shape(codes, [None, count, 4]),
        }

    def find(self, images):
        self.batches.append(len(images))
        logits = np.full((len(images), len(self.anchors), 3), -10, np.float32)
        codes = np.zeros((len(images), len(self.anchors), 4), np.float32)
        for i, image in enumerate(images):
            # Normalised: red is far above the mean in channel 0 and far below in the others.
            rows, columns = np.nonzero((image[..., 0] > 0.5) & (image[..., 1] < -0.5))
            if len(rows):
                box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
                best = int(iou_xyxy(box, self.anchors)[0].argmax())
                logits[i, best, 1] = 2.0
                codes[i, best] = np.asarray(encode_boxes(box, self.anchors[best : best + 1]))[0]
        return logits, codes


@pytest.fixture
def finder():
    return RedFinder(INPUT_HW)


@pytest.fixture(params=[True, False], ids=["compiled", "operation by operation"])
def predictor(finder, request):
    return Predictor(finder, ModelConfig(variant="d0", input_hw=INPUT_HW), compiled=request.param)


def paint(path, size_wh, box):
    pixels = np.full((size_wh[1], size_wh[0], 3), 120, np.uint8)
    left, top, right, bottom = box
    pixels[top:bottom, left:right] = (255, 0, 0)
    Image.fromarray(pixels).save(path)


SCENES = {
    "000001": ((1242, 375), (300, 120, 420, 200)),
    "000002": ((1224, 370), (900, 40, 1200, 360)),
    "000003": ((300, 400), (100, 250, 220, 390)),
    "000004": ((640, 320), (0, 0, 320, 160)),
    "000005": ((256, 128), (30, 20, 100, 90)),
}


@pytest.fixture
def images(tmp_path):
    for name, (size, box) in SCENES.items():
        paint(tmp_path / f"{name}.png", size, box)
    return tmp_path


def run_on(source, predictor, failures=None):
    on_failure = ([] if failures is None else failures).append
    return list(predictor.predict_each(find_images(source).reads, config=CONFIG, on_failure=on_failure))


def test_boxes_come_back_in_the_pixels_of_each_image(images, predictor):
    found = run_on(images, predictor)
    assert [item.detections.frame_id for item in found] == list(SCENES)
    for item in found:
        size, box = SCENES[item.image.name]
        scale = 1 / fit_letterbox(size, INPUT_HW).scale_xy[0]
        assert item.image.size_wh == size
        assert item.detections.class_ids.tolist() == [2]
        assert item.detections.scores[0] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-4)
        # Within the edge that resizing blurs.
        np.testing.assert_allclose(item.detections.xyxy[0], box, atol=1.6 * scale)
        assert item.detections.xyxy.dtype == np.float32


def test_images_go_in_batches_and_the_last_may_be_smaller(images, finder, predictor):
    run_on(images, predictor)
    assert finder.batches == [4, 1]


def test_each_image_says_what_it_took(images, predictor):
    found = list(predictor.predict_each(find_images(str(images)).reads, config=CONFIG, on_failure=pytest.fail))
    assert found
    assert all(item.read_s > 0 and item.detect_s > 0 for item in found)


def test_a_corrupt_image_is_reported_and_the_others_go_on(images, predictor):
    (images / "000002.png").write_bytes((images / "000002.png").read_bytes()[:200])
    (images / "000004.png").write_bytes(b"not an image")
    (images / "000005.png").write_bytes(b"")
    failures = []
    found = run_on(images, predictor, failures)
    assert [item.image.name for item in found] == ["000001", "000003"]
    assert [type(failure) for failure in failures] == [ImageError] * 3
    assert [failure.name for failure in failures] == [str(images / f"00000{i}.png") for i in (2, 4, 5)]
    assert all(failure.reason for failure in failures)


def test_nothing_to_see_is_an_empty_record(tmp_path, predictor):
    Image.new("RGB", (100, 50)).save(tmp_path / "000000.png")
    (item,) = run_on(tmp_path / "000000.png", predictor)
    assert len(item.detections) == 0
    assert item.detections.xyxy.shape == (0, 4)


def test_boxes_are_clipped_to_the_image_and_those_in_the_padding_dropped(predictor):
    image = np.full((*INPUT_HW, 3), 0, np.float32)
    image[:, :, 1] = -1
    image[60:110, 10:90, 0] = 2  # an image of 256 x 80: its lower part is padding
    row = np.array([1, 1, 0, 0], np.float32)
    size = np.array([256, 80])
    padding = image.copy()
    padding[:85, :, 0] = 0
    both = tf.constant(np.stack([image, padding]))
    batch = predictor.detect(both, ["a", "b"], np.stack([row] * 2), [size] * 2, config=CONFIG)
    np.testing.assert_allclose(batch[0].xyxy, [[10, 60, 90, 80]], atol=0.01)
    assert len(batch[1]) == 0
