"""The numbers behind the page, from the run's frames and detections; matching and averaging are `kittidet.eval`'s."""

from dataclasses import asdict, dataclass
from typing import Any

from kittidet.config import CompareConfig
from kittidet.errors import EvaluationError
from kittidet.eval.coco import CocoMetrics, score_coco
from kittidet.eval.diagnosis import Diagnosis, diagnose
from kittidet.eval.interval import ApIntervals, ap_intervals
from kittidet.eval.kitti_protocol import KittiAp, detector_ap
from kittidet.eval.matches import Matches, match_detections
from kittidet.eval.subset import SubsetAp, ap_of_subsets
from kittidet.runs.run import Run

_WORST_FRAMES = 12
# As many as a person may look through, of the detections that are sure enough to contradict a label.
_LABEL_ERRORS, _LABEL_ERROR_SCORE = 10, 0.7


@dataclass(frozen=True, slots=True)
class Measures:
    """Everything measured on one run.

    Attributes:
        coco: the twelve numbers and AP by class.
        intervals: of AP, by bootstrap over frames.
        diagnosis: curves, confusion, kinds of error, calibration, slices, possible label errors.
        kitti: official scores of the classes that the detector can name; None without full labels, or where nothing
            can be scored.
        kitti_missing: why there are none although the labels are at hand.
        nearness: AP of the validation frames by how near they are to a training frame; empty where that is not known.
    """

    coco: CocoMetrics
    intervals: ApIntervals
    diagnosis: Diagnosis
    kitti: KittiAp | None
    kitti_missing: str | None = None
    nearness: tuple[SubsetAp, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON types, for whoever goes on with the numbers."""
        return {
            "coco": self.coco.to_json(),
            "intervals": asdict(self.intervals),
            "nearness": [asdict(one) for one in self.nearness],
            "kitti": None if self.kitti is None else self.kitti.to_json(),
            "kitti_missing": self.kitti_missing,
            "diagnosis": self.diagnosis.to_json(),
        }


def measure_run(run: Run, *, min_score: float | None, draws: CompareConfig) -> Measures:
    """Return everything the page shows of a run's detections.

    Args:
        run: what was found on which frames.
        min_score: frames are counted from here on; None: where the mean F1 of the classes is highest.
        draws: of the bootstrap.

    Raises:
        EvaluationError: if the frames hold no object, or the detections cannot be scored.
    """
    truth, results = run.ground_truth, run.results
    kitti, kitti_missing = _kitti(run, draws) if run.has_images else (None, None)
    matches = match_detections(truth, results)
    return Measures(
        coco=score_coco(truth, results, engine="hotcoco"),
        intervals=ap_intervals(matches, **draws.model_dump()),
        diagnosis=diagnose(
            run.frames,
            run.table,
            truth,
            results,
            matches,
            min_score=min_score,
            worst=_WORST_FRAMES,
            label_errors=_LABEL_ERRORS,
            label_error_score=_LABEL_ERROR_SCORE,
        ),
        kitti=kitti,
        kitti_missing=kitti_missing,
        nearness=_by_nearness(run, matches, draws),
    )


def _by_nearness(run: Run, matches: Matches, draws: CompareConfig) -> tuple[SubsetAp, ...]:
    if run.nearness is None:
        return ()
    ids = {image["frame_id"]: image["id"] for image in run.ground_truth["images"]}
    return ap_of_subsets(matches, ids, run.nearness.groups(), **draws.model_dump())


def _kitti(run: Run, draws: CompareConfig) -> tuple[KittiAp | None, str | None]:
    """Return the official scores, or why there are none."""
    try:
        return detector_ap(run.frames, run.detections, run.table, order_free=True, draws=draws), None
    except EvaluationError as error:
        return None, f"There are no official KITTI scores: {error}"
