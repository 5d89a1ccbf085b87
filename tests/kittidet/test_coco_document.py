"""The parts of a COCO document hold JSON types and COCO's order of box sides."""

import json

import numpy as np

from kittidet.classes import KITTI3
from kittidet.coco_document import coco_annotation, coco_categories, coco_image


def test_boxes_become_x_y_width_height():
    found = coco_annotation(3, 2, np.array([10, 20, 40.5, 25], np.float32), score=0.5)
    assert found["bbox"] == [10.0, 20.0, 30.5, 5.0]
    assert (found["area"], found["iscrowd"], found["score"]) == (152.5, 0, 0.5)
    assert coco_annotation(1, 1, (0, 0, 1, 1), crowd=True)["iscrowd"] == 1


def test_everything_is_json():
    parts = [coco_image(1, "000003", "000003.png", (np.int64(4), np.int64(2))), *coco_categories(KITTI3)]
    assert json.loads(json.dumps(parts))[0]["width"] == 4
    assert parts[1:] == [{"id": i, "name": name} for i, name in enumerate(KITTI3.names, start=1)]
