"""COCO metrics: two engines, one number, and what it is made of."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kittidet.classes import DONT_CARE, KITTI3, ClassTable
from kittidet.errors import EvaluationError
from kittidet.eval.coco import coco_metrics, score_coco
from kittidet.frame import Detections, Frame, KittiObject

ORACLE = Path(__file__).parents[4] / "shared" / "oracle" / "coco_metric.npz"
ENGINES = ("pycocotools", "hotcoco")
TABLE = ClassTable(("Car", "Pedestrian", "Cyclist"))
NO_BOXES = Detections("", np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32))


def item(kind, xyxy):
    return KittiObject(kind, 0, 0, -10, tuple(map(float, xyxy)), (-1, -1, -1), (-1000, -1000, -1000), -10)


def frame(number, *objects):
    return Frame(f"{number:06d}", Path(f"image_2/{number:06d}.png"), (1242, 375), objects)


def detections(number, boxes, scores=None, class_ids=None):
    n = len(boxes)
    return Detections(
        f"{number:06d}",
        np.array(boxes, np.float32).reshape(-1, 4),
        np.full(n, 0.5, np.float32) if scores is None else np.array(scores, np.float32),
        np.ones(n, np.int32) if class_ids is None else np.array(class_ids, np.int32),
    )


def drawn(seed, frames=8, most=6):
    rng = np.random.default_rng(seed)
    truth, found = [], []
    for number in range(frames):
        n = rng.integers(0, most)
        low = rng.uniform(0, 300, (n, 2))
        boxes = np.concatenate([low, low + rng.uniform(5, 200, (n, 2))], axis=1).round(2)
        kinds = rng.integers(1, 4, n)
        objects = [item(TABLE.name_of(int(k)), b) for k, b in zip(kinds, boxes, strict=True)]
        truth.append(frame(number, *objects, item("DontCare", (0, 0, 150, 150))))
        copies = np.repeat(np.arange(n), 3)
        moved = boxes[copies] + rng.normal(0, 6, (len(copies), 4))
        moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2])
        # One decimal, so that many scores are equal.
        found.append(detections(number, moved, rng.random(len(copies)).round(1), kinds[copies]))
    return truth, found


def assert_same(one, other):
    left, right = one.to_json(), other.to_json()
    assert left.pop("engine") != right.pop("engine")
    for name, value in left.items():
        assert value == pytest.approx(right[name], abs=1e-9), name


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000), st.booleans())
def test_both_engines_give_the_same_numbers(seed, ignore_dont_care):
    truth, found = drawn(seed)
    truth.append(frame(900, item("Car", (5, 5, 90, 90))))
    one, other = (
        coco_metrics(truth, found, TABLE, engine=engine, ignore_dont_care=ignore_dont_care) for engine in ENGINES
    )
    assert_same(one, other)


CAR = item("Car", (10, 10, 110, 90))
EDGES = {
    "no detections": ([frame(0, CAR)], []),
    "an empty record": ([frame(0, CAR)], [detections(0, [])]),
    "detections on an empty frame": ([frame(0, CAR), frame(1)], [detections(1, [(0, 0, 9, 9)])]),
    "the same box twice": ([frame(0, CAR)], [detections(0, [CAR.xyxy] * 2, [0.5, 0.5])]),
    "two labels on one spot": ([frame(0, CAR, CAR)], [detections(0, [CAR.xyxy])]),
    "a box without area": ([frame(0, CAR)], [detections(0, [(10, 10, 10, 90)])]),
    "more than a hundred": ([frame(0, CAR)], [detections(0, [CAR.xyxy] * 150, np.linspace(0, 1, 150))]),
    "another class": ([frame(0, CAR)], [detections(0, [CAR.xyxy], class_ids=[2])]),
    "a label inside DontCare": ([frame(0, CAR, item("DontCare", (0, 0, 500, 300)))], [detections(0, [CAR.xyxy])]),
    "outside of the image": ([frame(0, CAR)], [detections(0, [(-50, -50, 5000, 4000)])]),
}


@pytest.mark.parametrize("ignore_dont_care", [False, True])
@pytest.mark.parametrize(("truth", "found"), EDGES.values(), ids=EDGES)
def test_both_engines_agree_at_the_edges(truth, found, ignore_dont_care):
    one, other = (
        coco_metrics(truth, found, TABLE, engine=engine, ignore_dont_care=ignore_dont_care) for engine in ENGINES
    )
    assert_same(one, other)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("without_class_2", [False, True])
def test_the_reference_implementations_numbers_come_out(engine, without_class_2):
    if not ORACLE.is_file():
        pytest.skip("the reference values are not beside the project")
    oracle = np.load(ORACLE, allow_pickle=False)
    annotations = []
    for image, rows in enumerate(oracle["groundtruth_data"]):
        for y1, x1, y2, x2, crowd, area, kind in rows[rows[:, 6] > 0].tolist():
            if not (without_class_2 and kind == 2):
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": image,
                        "category_id": int(kind),
                        "bbox": [x1, y1, x2 - x1, y2 - y1],
                        "area": area,
                        "iscrowd": int(crowd),
                    }
                )
    results = oracle["detections"].reshape(-1, 7).astype(np.float64)
    truth = {
        "images": [{"id": i, "width": 1000, "height": 1000} for i in range(6)],
        "annotations": annotations,
        "categories": [{"id": i, "name": name} for i, name in enumerate("abc", start=1)],
    }
    scores = score_coco(truth, results[results[:, 6] > 0], engine=engine)
    expected = oracle["metrics_class2_absent" if without_class_2 else "metrics"]
    summary = list(scores.to_json().values())[:12]
    np.testing.assert_allclose([-1 if v is None else v for v in summary], expected[:12], atol=1e-6)
    by_class = [v for v in scores.per_class_ap.values() if v is not None]
    np.testing.assert_allclose(by_class, expected[12:][: len(by_class)], atol=1e-6)
    # The reference's third column moves up where class 2 is absent; by name nothing moves.
    assert scores.per_class_ap["c"] == pytest.approx(0.1412447, abs=1e-6)
    assert (scores.per_class_ap["b"] is None) == without_class_2


@pytest.mark.parametrize("engine", ENGINES)
def test_a_perfect_detector_scores_1_and_an_absent_class_none(engine):
    truth = [frame(0, CAR, item("Cyclist", (200, 10, 300, 90))), frame(1)]
    scores = coco_metrics(
        truth,
        [detections(0, [o.xyxy for o in truth[0].objects], class_ids=[1, 3])],
        TABLE,
        engine=engine,
    )
    assert (scores.ap, scores.ap50) == pytest.approx((1, 1))
    assert scores.per_class_ap == {"Car": pytest.approx(1), "Pedestrian": None, "Cyclist": pytest.approx(1)}
    assert scores.per_class_count == {"Car": 1, "Pedestrian": 0, "Cyclist": 1}
    assert (scores.n_images, scores.n_ground_truth, scores.n_detections) == (2, 2, 2)
    assert scores.ap_small is None


@pytest.mark.parametrize("engine", ENGINES)
def test_dont_care_counts_against_a_detection_unless_asked_otherwise(engine):
    region = item("DontCare", (300, 0, 600, 300))
    truth = [frame(0, CAR, region)]
    found = [detections(0, [(350, 50, 400, 100), CAR.xyxy], [0.9, 0.5])]
    plain = coco_metrics(truth, found, TABLE, engine=engine)
    lenient = coco_metrics(truth, found, TABLE, engine=engine, ignore_dont_care=True)
    assert plain.ap == pytest.approx(0.5, abs=0.01)
    assert lenient.ap == pytest.approx(1)
    assert (plain.ignore_dont_care, lenient.ignore_dont_care) == (False, True)
    assert plain.n_ground_truth == lenient.n_ground_truth == 1


def test_merged_classes_are_scored_as_one():
    truth = [frame(0, CAR, item("Truck", (200, 10, 300, 90)), item("Misc", (400, 10, 500, 90)))]
    scores = coco_metrics(truth, [detections(0, [CAR.xyxy])], KITTI3, engine="hotcoco")
    assert scores.per_class_count == {"Vehicle": 2, "Pedestrian": 0, "Cyclist": 0}


def test_the_answer_is_json():
    truth, found = drawn(3)
    scores = coco_metrics(truth, found, TABLE, engine="hotcoco").to_json()
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert {"ap", "ap50", "ap75", "per_class_ap", "per_class_ap50"} <= set(scores)


@pytest.mark.parametrize("engine", ENGINES)
def test_detections_beyond_cocos_hundred_are_scored_and_ap_at_100_stands_beside(engine):
    """The right box is the weakest of 150, behind 149 that are all of one frame."""
    truth = [frame(0, CAR), frame(1, CAR)]
    noise = [(600, 10, 700, 90)] * 149
    found = [detections(0, [*noise, CAR.xyxy], np.linspace(1, 0.5, 150)), detections(1, [CAR.xyxy], [0.9])]
    scores = coco_metrics(truth, found, TABLE, engine=engine)
    assert scores.max_detections == 150
    # Rank 31 of 151, then 151: precision 1/31 at recall 0.5 and 2/151 at recall 1; at 100, nothing beyond 0.5.
    assert scores.ap_at_100 == pytest.approx(51 / 31 / 101)
    assert scores.ap == pytest.approx((51 / 31 + 50 * 2 / 151) / 101)
    assert scores.ar_100 == pytest.approx(0.5)


@pytest.mark.parametrize("engine", ENGINES)
def test_up_to_a_hundred_detections_the_number_is_plain_coco_ap(engine):
    scores = coco_metrics([frame(0, CAR)], [detections(0, [CAR.xyxy] * 100)], TABLE, engine=engine)
    assert (scores.max_detections, scores.ap_at_100) == (100, scores.ap)


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_is_printed(engine, capfd):
    coco_metrics([frame(0, CAR)], [], TABLE, engine=engine)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("truth", "found", "message"),
    [
        ([], [], "no ground truth: 0 frames"),
        ([frame(0), frame(1, item("Misc", (0, 0, 9, 9)))], [], "no ground truth: 2 frames hold no object"),
        ([frame(0, CAR)], [replace(NO_BOXES, frame_id="000007")], "1 frames that have no ground truth: 000007"),
        ([frame(0, CAR)], [detections(0, []), detections(0, [])], "1 frames are there more than once: 000000"),
        ([frame(0, CAR), frame(0, CAR)], [], "1 frames are there more than once: 000000"),
        ([frame(0, CAR)], [detections(0, [CAR.xyxy, (0, 0, np.nan, 5)])], "frame 000000, detection 1: .* finite"),
        ([frame(0, CAR)], [detections(0, [(9, 0, 5, 5)])], "right >= left"),
        ([frame(0, CAR)], [detections(0, [CAR.xyxy], [np.nan])], "score nan"),
        ([frame(0, CAR)], [detections(0, [CAR.xyxy], class_ids=[0])], "class id in 1..3"),
        ([frame(0, CAR)], [detections(0, [CAR.xyxy], class_ids=[4])], "class id in 1..3"),
    ],
)
def test_what_cannot_be_scored_is_refused(truth, found, message):
    with pytest.raises(EvaluationError, match=message):
        coco_metrics(truth, found, TABLE, engine="pycocotools")


def test_an_unknown_engine_is_refused():
    with pytest.raises(ValueError, match="unknown engine"):
        coco_metrics([frame(0, CAR)], [], TABLE, engine="other")


def test_a_region_of_one_class_forgives_that_class_alone():
    region = replace(item(DONT_CARE, (200, 100, 400, 300)), region_of="Car")
    inside = (220, 120, 260, 160)
    truth = [frame(0, CAR, item("Pedestrian", (10, 10, 110, 90)), region)]
    boxes, kinds = [CAR.xyxy, CAR.xyxy, inside, inside], [1, 2, 1, 2]
    scores = coco_metrics(truth, [detections(0, boxes, [0.5, 0.5, 0.9, 0.9], kinds)], TABLE, engine="pycocotools")
    assert scores.per_class_ap["Car"] == pytest.approx(1)
    assert scores.per_class_ap["Pedestrian"] == pytest.approx(0.5, abs=0.01)
    assert scores.per_class_count == {"Car": 1, "Pedestrian": 1, "Cyclist": 0}
