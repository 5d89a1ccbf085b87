import numpy as np
import pytest

from kittidet.errors import ExportError
from kittidet.export.agreement import EXACT, Tolerance, check_candidates, check_detections
from kittidet.frame import Detections

LOOSE = Tolerance(score=0.05, iou=0.8)


def found(*rows: tuple[tuple[float, float, float, float], float, int], frame: str = "0") -> Detections:
    return Detections(
        frame,
        np.array([r[0] for r in rows], np.float32).reshape(-1, 4),
        np.array([r[1] for r in rows], np.float32),
        np.array([r[2] for r in rows], np.int32),
    )


BOX = (10.0, 10.0, 60.0, 40.0)
NEAR = (11.0, 10.0, 61.0, 40.0)
FAR = (30.0, 10.0, 80.0, 40.0)
SOURCE = [found((BOX, 0.9, 1), ((0, 0, 5, 5), 0.05, 2))]


def test_equal_detections_agree_in_full():
    agreement = check_detections(SOURCE, SOURCE, tolerance=EXACT, min_score=0.1, what="x")
    assert (agreement.frames, agreement.compared, agreement.max_score_difference, agreement.min_iou) == (1, 1, 0, 1)


def test_close_detections_agree_and_say_how_close():
    agreement = check_detections(SOURCE, [found((NEAR, 0.88, 1))], tolerance=LOOSE, min_score=0.1, what="x")
    assert agreement.max_score_difference == pytest.approx(0.02, abs=1e-6)
    assert agreement.min_iou == pytest.approx(49 / 51)


BROKEN = {
    "nothing found": found(),
    "another place": found((FAR, 0.9, 1)),
    "another class": found((BOX, 0.9, 3)),
    "another score": found((BOX, 0.7, 1)),
    "one more": found((BOX, 0.9, 1), (FAR, 0.8, 1)),
    "not a number": found((BOX, float("nan"), 1)),
}


@pytest.mark.parametrize("exported", BROKEN.values(), ids=BROKEN.keys())
def test_a_detection_without_a_counterpart_is_an_error_that_names_the_export(exported):
    with pytest.raises(ExportError, match=r"model\.tflite"):
        check_detections(SOURCE, [exported], tolerance=LOOSE, min_score=0.1, what="model.tflite")


def test_a_detection_on_the_edge_of_the_score_may_be_missing():
    source = [found((BOX, 0.9, 1), (FAR, 0.12, 1))]
    assert check_detections(source, [found((BOX, 0.9, 1))], tolerance=LOOSE, min_score=0.1, what="x").compared == 2


def test_nothing_to_compare_is_no_success():
    with pytest.raises(ExportError, match="nothing can be compared"):
        check_detections([found()], [found()], tolerance=EXACT, min_score=0.1, what="x")


def test_other_frames_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="same frames"):
        check_detections(SOURCE, [found(frame="1")], tolerance=EXACT, min_score=0.1, what="x")


def candidates(probability: float = 0.9, box: tuple[float, float, float, float] = BOX):
    probabilities = np.full((1, 300, 2), 0.01)
    probabilities[0, 7, 1] = probability
    boxes = np.tile(np.array(BOX), (1, 300, 1))
    boxes[0, 7] = box
    return probabilities, boxes


def test_equal_candidates_agree_and_the_likeliest_hundred_are_always_compared():
    assert check_candidates(candidates(), candidates(), tolerance=EXACT, min_score=0.5, what="x").compared == 100
    unsure = candidates(0.02)
    assert check_candidates(unsure, unsure, tolerance=EXACT, min_score=0.5, what="x").compared == 100


@pytest.mark.parametrize(
    "exported", [candidates(0.7), candidates(float("nan")), candidates(box=FAR), candidates(box=(np.nan,) * 4)]
)
def test_a_probability_or_a_likely_box_that_strays_is_an_error(exported):
    with pytest.raises(ExportError, match="x:"):
        check_candidates(candidates(), exported, tolerance=LOOSE, min_score=0.5, what="x")


def test_an_unlikely_box_may_stray():
    source, exported = candidates(), candidates()
    exported[1][0, 299] = FAR
    assert check_candidates(source, exported, tolerance=EXACT, min_score=0.5, what="x").min_iou == 1


def test_outputs_of_another_shape_are_refused():
    probabilities, boxes = candidates()
    with pytest.raises(ExportError, match="expected"):
        check_candidates(candidates(), (probabilities[:, :5], boxes), tolerance=EXACT, min_score=0.5, what="x")
