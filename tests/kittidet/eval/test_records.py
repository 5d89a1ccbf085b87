"""Detections of every frame of a folder of records, from a network that always sees the same."""

import numpy as np
import pytest
import tensorflow as tf

from kittidet.classes import KITTI8, ClassTable
from kittidet.config import EvalConfig, ModelConfig
from kittidet.detect.checkpoint import DetectorFacts
from kittidet.detect.detector import Detector
from kittidet.errors import ConfigError
from kittidet.eval.records import predict_records
from kittidet.kitti.tree import KittiTree
from kittidet.model.anchors import build_anchors
from kittidet.records.write import write_records
from kittidet.synthetic.dataset import render_dataset

INPUT_HW = (128, 256)
MODEL = ModelConfig(variant="d0", input_hw=INPUT_HW)
CONFIG = EvalConfig(batch_size=4, score_threshold=0.05, nms="hard")


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    root = render_dataset(tmp_path_factory.mktemp("synthetic"), frames=5, seed=3, zips=False, sizes=[(200, 80)] * 5)
    tree = KittiTree(root)
    out = tmp_path_factory.mktemp("records") / "val"
    ids = tree.frame_ids
    write_records(tree, ids, split_name="val", table=KITTI8, num_shards=2, out_dir=out, workers=1)
    return out, ids


def test_every_frame_of_the_records_has_one_record_and_progress_is_told(records):
    out, ids = records
    seen = []

    def tell(done, total):
        seen.append((done, total))

    finder = Detector(EightClasses(), DetectorFacts(MODEL, KITTI8))
    found = predict_records(finder, out, config=CONFIG, progress=tell)
    assert sorted(item.frame_id for item in found) == sorted(ids)
    assert seen == [(4, 5), (5, 5)]
    for item in found:
        assert (item.xyxy >= 0).all()
        assert (item.xyxy[:, 2] <= 200).all()
        assert (item.xyxy[:, 3] <= 80).all()


class EightClasses:
    """One anchor in the middle of every image, as class 5 of 8."""

    def __init__(self):
        self.anchors = build_anchors("d0", input_hw=INPUT_HW)

    def __call__(self, images, training):
        logits = np.full((1, len(self.anchors), 8), -10, np.float32)
        logits[0, len(self.anchors) // 3, 4] = 3
        batch = tf.shape(images)[0]
        return {
            "class_logits": tf.tile(logits, [batch, 1, 1]),
            "box_codes": tf.zeros([batch, len(self.anchors), 4]),
        }


def test_records_of_another_class_table_are_refused(records):
    table = ClassTable(("Car", "Van", "Truck"))
    finder = Detector(EightClasses(), DetectorFacts(MODEL, table))
    with pytest.raises(ConfigError, match=r"class tables differ: the detector has .*'Truck'\], the records in"):
        predict_records(finder, records[0], config=CONFIG)
