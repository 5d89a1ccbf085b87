"""Suppression takes what the reference takes, eagerly and in a graph."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kittidet.model.nms import select_greedily

GOLDEN = Path(__file__).parents[3] / "tests" / "golden" / "nms.npz"
SETTINGS = {"max_detections": 3, "score_threshold": 0.0}


def select(boxes, scores, class_ids, **settings):
    index, score, valid = select_greedily(
        np.array([boxes], np.float32).reshape(1, -1, 4),
        np.array([scores], np.float32),
        np.array([class_ids]),
        **settings,
    )
    n = int(valid[0])
    return np.asarray(index)[0, :n].tolist(), np.asarray(score)[0, :n].tolist()


BOX, SHIFTED, FAR = (0, 0, 10, 10), (0, 0, 10, 8), (50, 50, 60, 60)  # IoU of the first two: 0.8


@pytest.mark.parametrize(
    ("per_class", "classes", "kept"),
    [(False, [1, 2, 1], [0, 2]), (True, [1, 2, 1], [0, 1, 2]), (True, [1, 1, 1], [0, 2])],
)
def test_hard_suppression_drops_overlaps_of_the_same_class_or_of_any(per_class, classes, kept):
    found, _ = select([BOX, SHIFTED, FAR], [0.9, 0.8, 0.7], classes, method="hard", per_class=per_class, **SETTINGS)
    assert found == kept


def test_soft_suppression_weakens_by_overlap_and_sorts_again():
    found, scores = select([BOX, SHIFTED, FAR], [0.9, 0.8, 0.7], [1, 1, 1], method="soft", per_class=True, **SETTINGS)
    assert found == [0, 2, 1]
    assert scores == pytest.approx([0.9, 0.7, 0.8 * np.exp(-(0.8**2) / 0.5)])


def test_what_does_not_exceed_the_threshold_is_not_taken():
    settings = {**SETTINGS, "score_threshold": 0.7}
    assert select([BOX, FAR], [0.7, 0.71], [1, 1], method="hard", per_class=True, **settings)[0] == [1]
    assert select([BOX, FAR], [0.1, 0.2], [1, 1], method="hard", per_class=True, **settings)[0] == []


def test_boxes_without_area_suppress_nothing():
    flat = (5, 5, 5, 5)
    found, _ = select([flat, flat, BOX], [0.9, 0.8, 0.7], [1, 1, 1], method="hard", per_class=False, **SETTINGS)
    assert found == [0, 1, 2]


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="soft or hard"):
        select([BOX], [0.5], [1], method="gaussian", per_class=True, **SETTINGS)


@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("method", ["soft", "hard"])
def test_selection_equals_the_references_excerpt_in_a_graph(method, per_class):
    name = f"{'per_class' if per_class else 'global'}/{'gaussian' if method == 'soft' else method}"
    with np.load(GOLDEN) as golden:
        boxes, scores, class_ids = (golden[k][None] for k in ("boxes_xyxy", "scores", "class_ids"))
        expected = {k: golden[f"{name}/{k}"] for k in ("boxes", "scores", "classes")}

    @tf.function
    def run():
        return select_greedily(
            boxes,
            scores,
            class_ids.astype(np.int32),
            method=method,
            per_class=per_class,
            max_detections=100,
            score_threshold=0.001 if method == "soft" else 0.0,
        )

    index, found_scores, valid = (np.asarray(part)[0] for part in run())
    assert valid == 100
    np.testing.assert_allclose(found_scores, expected["scores"], atol=1e-5)
    found_boxes = boxes[0][index]
    if not per_class:
        found_boxes = np.clip(found_boxes, 0, 256)
    np.testing.assert_allclose(found_boxes, expected["boxes"], atol=1e-4)
    np.testing.assert_array_equal(class_ids[0][index], expected["classes"])
