"""From pictures and records to detections in original pixels, with a network that finds what is painted red."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kittidet.boxes import iou_xyxy
from kittidet.classes import ClassTable
from kittidet.config import EvalConfig, ModelConfig
from kittidet.detect.checkpoint import LoadedDetector
from kittidet.detect.images import ImageError, find_images
from kittidet.detect.letterbox import fit_letterbox
from kittidet.detect.predictor import Predictor, predict_images
from kittidet.model.anchors import build_anchors
from kittidet.model.box_coder import encode_boxes

CANVAS = (128, 256)
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


def detector(input_hw=CANVAS, table=None):
    network = RedFinder(input_hw)
    table = ClassTable(("Car", "Van", "Truck")) if table is None else table
    return LoadedDetector(network, table, ModelConfig(variant="d0", input_hw=input_hw), 7)


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
def pictures(tmp_path):
    for name, (size, box) in SCENES.items():
        paint(tmp_path / f"{name}.png", size, box)
    return tmp_path


def run_on(source, finder, failures=None):
    sources = find_images(str(source))
    on_failure = ([] if failures is None else failures).append
    return list(predict_images(finder, sources.read_each(), config=CONFIG, on_failure=on_failure))


def test_boxes_come_back_in_the_pixels_of_each_picture(pictures):
    finder = detector()
    found = run_on(pictures, finder)
    assert [item.detections.frame_id for item in found] == list(SCENES)
    for item in found:
        size, box = SCENES[item.picture.name]
        scale = 1 / fit_letterbox(size, CANVAS).scale_xy[0]
        assert item.picture.size_wh == size
        assert item.detections.class_ids.tolist() == [2]
        assert item.detections.scores[0] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-4)
        # Within the edge that resizing blurs.
        np.testing.assert_allclose(item.detections.xyxy[0], box, atol=1.6 * scale)
        assert item.detections.xyxy.dtype == np.float32


def test_pictures_go_in_batches_and_the_last_may_be_smaller(pictures):
    finder = detector()
    run_on(pictures, finder)
    assert finder.network.batches == [4, 1]


def test_a_corrupt_picture_is_reported_and_the_others_go_on(pictures):
    (pictures / "000002.png").write_bytes((pictures / "000002.png").read_bytes()[:200])
    (pictures / "000004.png").write_bytes(b"not a picture")
    (pictures / "000005.png").write_bytes(b"")
    failures = []
    found = run_on(pictures, detector(), failures)
    assert [item.picture.name for item in found] == ["000001", "000003"]
    assert [type(failure) for failure in failures] == [ImageError] * 3
    assert [failure.name for failure in failures] == [str(pictures / f"00000{i}.png") for i in (2, 4, 5)]
    assert all(failure.reason for failure in failures)


def test_nothing_to_see_is_an_empty_record(tmp_path):
    Image.new("RGB", (100, 50)).save(tmp_path / "000000.png")
    (item,) = run_on(tmp_path / "000000.png", detector())
    assert len(item.detections) == 0
    assert item.detections.xyxy.shape == (0, 4)


def test_boxes_are_clipped_to_the_picture_and_those_in_the_padding_dropped():
    predictor = Predictor(detector(), config=CONFIG)
    image = np.full((*CANVAS, 3), 0, np.float32)
    image[:, :, 1] = -1
    image[60:110, 10:90, 0] = 2  # a picture of 256 x 80: its lower part is padding
    row = np.array([1, 1, 0, 0], np.float32)
    size = np.array([256, 80])
    padding = image.copy()
    padding[:85, :, 0] = 0
    batch = predictor.detect(tf.constant(np.stack([image, padding])), ["a", "b"], np.stack([row] * 2), [size] * 2)
    np.testing.assert_allclose(batch[0].xyxy, [[10, 60, 90, 80]], atol=0.01)
    assert len(batch[1]) == 0
