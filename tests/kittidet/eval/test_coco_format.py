"""Frames and detections as COCO dictionaries, and back."""

import contextlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kittidet.classes import ClassTable
from kittidet.convert.to_tree import coco_images, write_tree
from kittidet.errors import EvaluationError
from kittidet.eval.coco import coco_metrics
from kittidet.eval.coco_format import coco_ground_truth, coco_results, image_ids, result_rows, rows_from_results
from kittidet.frame import Detections, Frame, KittiObject
from kittidet.kitti.frames import load_frame
from kittidet.kitti.tree import open_tree

TABLE = ClassTable(("Car", "Pedestrian"))


def item(kind, xyxy):
    return KittiObject(kind, 0, 0, -10, xyxy, (-1, -1, -1), (-1000, -1000, -1000), -10)


FRAME = Frame(
    "000007",
    Path("image_2/000007.png"),
    (1242, 375),
    (item("Van", (0, 0, 9, 9)), item("Pedestrian", (10.5, 20.25, 30.5, 60.25)), item("DontCare", (1, 2, 3, 4))),
)
FOUND = Detections(
    "000007", np.array([[1, 2, 4, 8]], np.float32), np.array([0.75], np.float32), np.array([2], np.int32)
)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], {}),
        (["000000", "000012"], {"000000": 0, "000012": 12}),
        (["b", "a"], {"b": 1, "a": 2}),
        (["7", "007"], {"7": 1, "007": 2}),
        (["²", "1"], {"²": 1, "1": 2}),
    ],
)
def test_an_image_id_is_the_frames_number_where_it_has_one(names, expected):
    assert image_ids(names) == expected


def test_repeated_frames_are_named():
    with pytest.raises(EvaluationError, match="2 frames are there more than once: 000001, 000002"):
        image_ids(["000002", "000001", "000002", "000001", "000003"])


def test_labels_are_clipped_to_their_image():
    """Case: box_outside_clip."""
    frame = replace(FRAME, objects=(item("Car", (-33.65, 300, 1300, 376)), item("DontCare", (-5, -5, 5, 5))))
    car, region, _ = coco_ground_truth([frame], TABLE, ignore_dont_care=True)["annotations"]
    assert (car["bbox"], car["area"]) == ([0, 300, 1242, 75], 1242 * 75)
    assert region["bbox"] == [0, 0, 5, 5]


def test_labels_keep_their_pixels_and_types_outside_of_the_table_are_left_out():
    truth = coco_ground_truth([FRAME], TABLE)
    assert truth["images"] == [{"id": 7, "file_name": "000007.png", "frame_id": "000007", "width": 1242, "height": 375}]
    assert truth["annotations"] == [
        {"id": 1, "image_id": 7, "category_id": 2, "bbox": [10.5, 20.25, 20.0, 40.0], "area": 800.0, "iscrowd": 0}
    ]
    assert truth["categories"] == [{"id": 1, "name": "Car"}, {"id": 2, "name": "Pedestrian"}]
    assert json.loads(json.dumps(truth)) == truth


def test_dont_care_becomes_a_crowd_box_of_each_class_when_asked_for():
    crowds = [a for a in coco_ground_truth([FRAME], TABLE, ignore_dont_care=True)["annotations"] if a["iscrowd"]]
    assert [(a["category_id"], a["bbox"]) for a in crowds] == [(1, [1, 2, 2, 2]), (2, [1, 2, 2, 2])]
    assert len({a["id"] for a in crowds}) == 2


def test_results_go_to_json_and_back():
    items = json.loads(json.dumps(coco_results([FRAME], [FOUND], TABLE)))
    assert items == [{"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 6], "score": 0.75}]
    rows = rows_from_results(items, where="predictions.json")
    np.testing.assert_array_equal(rows, result_rows([FOUND], {"000007": 7}, TABLE))
    assert rows_from_results([], where="predictions.json").shape == (0, 7)


@pytest.mark.parametrize(
    "wrong",
    [
        {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3]},
        {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3], "score": 0.5},
        {"image_id": 1, "category_id": 1, "bbox": [1, 2, -3, 4], "score": 0.5},
        {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, float("nan")], "score": 0.5},
        {"image_id": "x", "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5},
        "text",
    ],
)
def test_a_wrong_result_is_named(wrong):
    good = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}
    with pytest.raises(EvaluationError, match=r"predictions\.json: entry 1: expected"):
        rows_from_results([good, wrong], where="predictions.json")


def drawn_document(rng, folder, frames=6):
    """A COCO data set of boxes of any number of decimals, crowds among them, and what a detector might find in it."""
    names = ("car", "hard hat", "dog")
    images, annotations, found = [], [], []
    for image in rng.permutation(100)[:frames].tolist():
        name = f"scene {image}.png"
        Image.new("RGB", (300, 200)).save(folder / name)
        images.append({"id": image, "file_name": name, "width": 300, "height": 200})
        for _ in range(rng.integers(0, 7)):
            left, top = rng.uniform(0, 250), rng.uniform(0, 150)
            width, height = rng.uniform(5, 299 - left), rng.uniform(5, 199 - top)
            category = int(rng.choice([7, 3, 12]))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": category,
                    "bbox": [left, top, width, height],
                    "area": width * height,
                    "iscrowd": int(rng.random() < 0.3),
                }
            )
            for _ in range(3):
                share = rng.uniform(0.3, 1.0, 2)
                moved = np.array([left, top]) + rng.uniform(-4, 8, 2)
                box = np.concatenate([moved, moved + share * [width, height]])
                taken_for = category if rng.random() < 0.8 else int(rng.choice([7, 3, 12]))
                found.append((image, np.clip(box, 0, [300, 200, 300, 200]), rng.random(), taken_for))
    categories = [{"id": i, "name": name} for i, name in zip((7, 3, 12), names, strict=True)]
    return {"images": images, "annotations": annotations, "categories": categories}, found


def ap_by_pycocotools(document, found):
    """AP of pycocotools' own reading of a document, as a person would call it."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = json.loads(json.dumps(document))
        truth.createIndex()
        results = [
            {"image_id": i, "category_id": k, "bbox": [*box[:2], *(box[2:] - box[:2])], "score": score}
            for i, box, score, k in found
        ]
        evaluator = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator.stats


@pytest.mark.parametrize("seed", range(12))
def test_ap_on_coco_data_is_pycocotools_on_the_document_itself_crowds_included(tmp_path, seed):
    document, found = drawn_document(np.random.default_rng(seed), tmp_path)
    (tmp_path / "d.json").write_text(json.dumps(document))
    images = coco_images({"": (tmp_path / "d.json", tmp_path)}, class_map=None)
    tree = open_tree(write_tree(images, tmp_path / "tree", images="copy").path)
    # In another order than the categories: names decide.
    table = ClassTable(("dog", "hard_hat", "car"))
    class_of = {12: 1, 3: 2, 7: 3}
    frames = [load_frame(tree, frame_id, table) for frame_id in tree.frame_ids]
    detections = []
    rounded = []
    for image in document["images"]:
        mine = [one for one in found if one[0] == image["id"]]
        boxes = np.array([box for _, box, _, _ in mine], np.float32).reshape(-1, 4)
        scores = np.array([score for *_, score, _ in mine], np.float32)
        classes = np.array([class_of[k] for *_, k in mine], np.int32)
        detections.append(Detections(f"scene {image['id']}", boxes, scores, classes))
        rounded += [
            (i, box.astype(np.float64), float(score), k)
            for (i, _, _, k), box, score in zip(mine, boxes, scores, strict=True)
        ]
    expected = ap_by_pycocotools(document, rounded)
    assert any(item["iscrowd"] for item in document["annotations"])
    for engine in ("pycocotools", "hotcoco"):
        scores = coco_metrics(frames, detections, table, engine=engine)
        ours = [v if v is not None else -1 for v in list(scores.to_json().values())[:12]]
        np.testing.assert_allclose(ours, expected, atol=1e-9)
