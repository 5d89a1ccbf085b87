"""The official protocol: equal to the C++ evaluator, and the properties a user relies on."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kittidet.errors import EvaluationError
from kittidet.eval.kitti_protocol import kitti_ap
from kittidet.frame import KittiObject


def label(kind, xyxy, occluded=0, truncated=0.0):
    return KittiObject(kind, truncated, occluded, -10, tuple(xyxy), (-1, -1, -1), (-1000, -1000, -1000), -10)


def found(kind, xyxy, score):
    return replace(label(kind, xyxy, -1, -1), score=score)


def perfect(labels, score=0.9):
    return {f: [found(o.type, o.xyxy, score) for o in rows if not o.is_dont_care] for f, rows in labels.items()}


def drawn_labels(seed, frames=30, columns=6, kinds=("Car", "Pedestrainn", "Cyclist", "Van", "Person_sitting", "Truck")):
    """Objects side by side, so that who matches whom is never in doubt."""
    rng = np.random.default_rng(seed)
    labels = {}
    for number in range(frames):
        rows = []
        for column in range(columns):
            left, top = 200 * column + rng.uniform(0, 40), rng.uniform(0, 150)
            size = rng.uniform((30, 15), (150, 120))
            rows.append(
                label(
                    str(rng.choice(kinds)),
                    np.round([left, top, left + size[0], top + size[1]], 2),
                    int(rng.integers(0, 4)),
                    float(np.round(rng.uniform(0, 0.7), 2)),
                )
            )
        rows.append(label("DontCare", (0, 300, 1200, 370), -1, -1))
        labels[f"{number:06d}"] = rows
    return labels


def noisy(labels, seed):
    rng = np.random.default_rng(seed)
    out = {}
    for frame, rows in labels.items():
        kept = [o for o in rows if not o.is_dont_care and rng.random() < 0.8]
        out[frame] = [
            found(o.type, np.sort(np.reshape(o.xyxy, (2, 2)) + rng.normal(0, 4, (2, 2)), axis=0).ravel(), rng.random())
            for o in kept
        ]
        out[frame] += [found("Car", (x, 200, x + 60, 250), rng.random()) for x in rng.uniform(0, 1100, 2)]
    return out


def order_free(labels, detections):
    return kitti_ap(labels, detections, order_free=True).order_free


def numbers(*tables):
    return [(*s.r40, *s.r11) for table in tables for s in table.values()]


@pytest.mark.parametrize("objects", [1, 2, 7, 40, 41, 60])
def test_by_the_order_free_rule_a_perfect_detector_scores_100_however_few_objects_there_are(objects):
    labels = {f"{i:06d}": [label("Car", (10, 10, 110, 90))] for i in range(objects)}
    score = order_free(labels, perfect(labels))["Car"]
    assert score.r40 == pytest.approx((100, 100, 100))
    assert score.r11 == pytest.approx((100, 100, 100))
    assert score.objects == (objects,) * 3


def test_the_devkits_own_rule_caps_a_class_of_few_objects_and_a_note_says_so():
    labels = {f"{i:06d}": [label("Car", (10, 10, 110, 90))] for i in range(8)}
    scores = kitti_ap(labels, perfect(labels), order_free=True)
    assert scores.official["Car"].r40[0] == pytest.approx(100 * 7 / 40)
    assert "fewer than 41 objects" in scores.notes[0]
    assert "8 easy, at most 17.5" in scores.notes[0]
    assert scores.order_free_differences()["Car"][0] == pytest.approx((82.5,) * 3)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_a_perfect_detector_scores_100_on_any_labels(seed):
    labels = drawn_labels(seed, frames=12)
    for score in order_free(labels, perfect(labels)).values():
        assert [100.0 if n else None for n in score.objects] == [None if v is None else round(v, 9) for v in score.r40]


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(0, 3),
    # Where boxes overlap by exactly .5 or .7, rounding decides which of them match.
    st.floats(0, 0.4).filter(lambda s: min(abs((1 - s) / (1 + s) - iou) for iou in (0.5, 0.7)) > 1e-6),
)
def test_a_detector_that_is_equally_good_at_all_it_sees_never_ranks_hard_above_easy(seed, sees, shift):
    """It sees everything up to some level, and every box of it is off by the same share of its width."""
    limits = [(40, 0, 0.15), (25, 1, 0.30), (25, 2, 0.50), (0, 3, 1.0)]
    height, occluded, truncated = limits[sees]
    labels = drawn_labels(seed, frames=12)
    detections = {
        f: [
            found(o.type, (x1 + shift * (x2 - x1), y1, x2 + shift * (x2 - x1), y2), 1 - o.occluded / 10)
            for o in rows
            for x1, y1, x2, y2 in [o.xyxy]
            if o.occluded <= occluded and o.truncated <= truncated and y2 - y1 >= height and not o.is_dont_care
        ]
        for f, rows in labels.items()
    }
    for score in order_free(labels, detections).values():
        for values in (score.r40, score.r11):
            present = [v for v in values if v is not None]
            assert present == sorted(present, reverse=True)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_of_frames_changes_nothing_by_the_order_free_rule(seed, random):
    labels = drawn_labels(seed, frames=10)
    detections = noisy(labels, seed)
    expected = numbers(order_free(labels, detections))

    def shuffled(table):
        names = list(table)
        random.shuffle(names)
        return {name: random.sample(table[name], len(table[name])) for name in names}

    assert numbers(order_free(shuffled(labels), shuffled(detections))) == expected


def test_a_detection_inside_dont_care_changes_nothing():
    labels = drawn_labels(1)
    detections = noisy(labels, 1)
    more = {f: [*rows, found("Car", (300, 305, 420, 365), 0.99)] for f, rows in detections.items()}
    expected, scores = (kitti_ap(labels, found_in, order_free=True) for found_in in (detections, more))
    for rule in ("official", "loose", "order_free"):
        assert numbers(getattr(scores, rule)) == numbers(getattr(expected, rule))


def test_a_detection_outside_dont_care_costs_precision():
    labels = drawn_labels(1)
    detections = perfect(labels)
    more = {f: [*rows, found("Car", (300, 280, 420, 340), 0.99)] for f, rows in detections.items()}
    assert kitti_ap(labels, more).official["Car"].r40[2] < kitti_ap(labels, detections).official["Car"].r40[2]


@pytest.mark.parametrize(
    ("neutral", "kind"), [("Van", "Car"), ("Person_sitting", "Pedestrainn")], ids=["van", "person_sitting"]
)
def test_a_neighbouring_class_is_neither_missed_nor_a_hit(neutral, kind):
    real = label(kind, (10, 10, 110, 90))
    neighbour = label(neutral, (300, 10, 400, 90))
    labels = {f"{i:06d}": [real, neighbour] for i in range(50)}
    for rows in ([found(kind, real.xyxy, 0.5)], [found(kind, o.xyxy, 0.5) for o in (real, neighbour)]):
        score = kitti_ap(labels, dict.fromkeys(labels, rows)).official[kind]
        assert score.objects == (50, 50, 50)
        assert score.r40 == pytest.approx((100, 100, 100))


def test_another_class_is_a_false_detection():
    labels = {f"{i:06d}": [label("Car", (10, 10, 110, 90)), label("Truck", (300, 10, 400, 90))] for i in range(50)}
    rows = [found("Car", (10, 10, 110, 90), 0.5), found("Car", (300, 10, 400, 90), 0.5)]
    assert kitti_ap(labels, dict.fromkeys(labels, rows)).official["Car"].r40 == pytest.approx((50, 50, 50))


@pytest.mark.parametrize(
    ("change", "counted"),
    [
        ({"xyxy": (10, 10, 110, 49.9)}, (0, 50, 50)),
        ({"xyxy": (10, 10, 110, 34.9)}, (0, 0, 0)),
        ({"occluded": 1}, (0, 50, 50)),
        ({"occluded": 2}, (0, 0, 50)),
        ({"occluded": 3}, (0, 0, 0)),
        ({"truncated": 0.15}, (50, 50, 50)),
        ({"truncated": 0.16}, (0, 50, 50)),
        ({"truncated": 0.31}, (0, 0, 50)),
        ({"truncated": 0.51}, (0, 0, 0)),
    ],
)
def test_levels_count_by_height_occlusion_and_truncation(change, counted):
    item = replace(label("Car", (10, 10, 110, 90)), **change)
    labels = {f"{i:06d}": [item, label("Cyclist", (500, 10, 560, 90))] for i in range(50)}
    score = kitti_ap(labels, perfect(labels)).official["Car"]
    assert score.objects == counted
    assert score.r40 == tuple(pytest.approx(100) if n else None for n in counted)


def test_a_missed_half_halves_the_ap_and_leaves_6_of_11_recalls():
    labels = {f"{i:06d}": [label("Car", (10, 10, 110, 90))] for i in range(400)}
    half = {f: rows if i % 2 else [] for i, (f, rows) in enumerate(perfect(labels).items())}
    score = kitti_ap(labels, half).official["Car"]
    assert score.r40[0] == pytest.approx(50)
    assert score.r11[0] == pytest.approx(100 * 6 / 11)  # recalls 0, 0.1, ... 0.5


def test_a_surer_detection_that_is_too_low_takes_the_object_and_is_neither_hit_nor_false():
    """So the devkit: at easy, 40 px, the label's surest detection is 39 px high, and the label gives no hit."""
    labels = {f"{i:06d}": [label("Car", (0, 0, 100, 50))] for i in range(50)}
    low, high = found("Car", (0, 0, 100, 39), 0.9), found("Car", (0, 0, 100, 50), 0.5)
    assert kitti_ap(labels, {f: [low, high] for f in labels}).official["Car"].r40[0] == 0
    assert kitti_ap(labels, {f: [high] for f in labels}).official["Car"].r40[0] == pytest.approx(100)


def test_an_object_takes_the_detection_that_overlaps_most_and_leaves_the_other_to_its_neighbour():
    labels = {f"{i:06d}": [label("Car", (left, 0, left + 100, 100)) for left in (0, 24)] for i in range(50)}
    detections = {f: [found("Car", (0, 0, 100, 100), 0.9), found("Car", (12, 0, 112, 100), 0.8)] for f in labels}
    assert kitti_ap(labels, detections).official["Car"].r40[0] == pytest.approx(100)


def test_looser_overlaps_accept_a_looser_box():
    labels = {f"{i:06d}": [label("Car", (0, 0, 100, 100))] for i in range(50)}
    rows = {f: [found("Car", (0, 0, 100, 60), 0.5)] for f in labels}  # IoU .6
    scores = kitti_ap(labels, rows)
    assert scores.official["Car"].r40 == (0, 0, 0)
    assert scores.loose["Car"].r40 == pytest.approx((100, 100, 100))


def test_json_has_ap_by_class_and_the_41_point_curves():
    labels = drawn_labels(2, kinds=("Car", "Pedestrainn"))
    scores = kitti_ap(labels, noisy(labels, 2)).to_json()
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert set(scores["ap"]) == {"Car", "Pedestrainn", "Cyclist"}
    assert len(scores["ap"]["Car"]["R40"]) == len(scores["ap"]["Car"]["R11"]) == 3
    assert len(scores["precision"]["Car"]["hard"]) == len(scores["recall"]) == 41
    assert scores["ap"]["Cyclist"]["R40"] == [None, None, None]
    assert "Cyclist: no ground truth." in scores["notes"]


CAR = label("Car", (10, 10, 110, 90))


@pytest.mark.parametrize(
    ("labels", "detections", "message"),
    [
        ({}, {}, "no frames to score"),
        ({"000000": []}, {}, "no ground truth"),
        ({"000000": [label("Truck", (0, 0, 90, 90))]}, {}, "no ground truth"),
        ({"000000": [CAR]}, {"000001": []}, "1 frames without labels: 000001"),
        ({"000000": [CAR]}, {"000000": [CAR]}, "frame 000000, detection 1: .* score None"),
        ({"000000": [CAR]}, {"000000": [found("Car", (0, 0, float("nan"), 9), 0.5)]}, "frame 000000, detection 1"),
        ({"000000": [CAR]}, {"000000": [found("Car", (9, 0, 5, 9), 0.5)]}, "right >= left"),
        ({"000000": [CAR]}, {"000000": [found("Car", (0, 0, 5, 9), float("inf"))]}, "finite score"),
    ],
)
def test_what_cannot_be_scored_is_refused(labels, detections, message):
    with pytest.raises(EvaluationError, match=message):
        kitti_ap(labels, detections)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (
            [label("Car", (0, 0, 50, 50), occluded) for occluded in (3, -1, 4)],
            r"\(3 labels: 3 have occlusion 3 or -1, unknown, which no level counts \(they count up to 2\)\)",
        ),
        ([label("Car", (0, 0, 50, 50), 0, 2.0)], r"\(1 labels: 1 are truncated by more than 0.5\)"),
        ([label("Car", (0, 0, 50, 24)), label("Van", (0, 0, 50, 50), 3)], r"\(1 labels: 1 are lower than 25 px\)"),
    ],
)
def test_labels_that_no_level_counts_are_refused_with_the_reason(rows, reason):
    """Case: coco_to_kitti_occluded_3."""
    with pytest.raises(EvaluationError, match=f"no Car, Pedestrainn, Cyclist that counts at any level {reason}"):
        kitti_ap({"0": rows}, {})


def test_unknown_occlusion_counts_at_no_level_and_a_note_says_how_often():
    """Case: labels_minus_one."""
    seen, unknown = label("Car", (0, 0, 50, 50), 0, -1), label("Car", (100, 0, 150, 50), -1, -1)
    scores = kitti_ap({"0": [seen, unknown]}, {})
    assert scores.official["Car"].objects == (1, 1, 1)
    assert "Car: 1 labels of unknown occlusion count at no level." in scores.notes


def test_frames_without_detections_count_as_missed():
    labels = {f"{i:06d}": [CAR] for i in range(50)}
    scores = kitti_ap(labels, {})
    assert scores.official["Car"].r40 == (0, 0, 0)
    assert "Car: no detections." in scores.notes
