"""The numbers behind the page, from the run's frames and detections; matching and averaging are the scoring room's."""

from dataclasses import asdict, dataclass
from typing import Any

from kittidet.config import CompareConfig
from kittidet.eval.coco import CocoMetrics, coco_metrics
from kittidet.eval.coco_format import coco_ground_truth, result_rows
from kittidet.eval.diagnosis import Diagnosis, diagnose
from kittidet.eval.interval import ApIntervals, ap_intervals
from kittidet.eval.kitti_protocol import KittiAp, kitti_ap
from kittidet.eval.matches import match_detections
from kittidet.kitti.results import kitti_result_rows
from kittidet.runs.run import RunFolder

_WORST_FRAMES = 12
# As many as a person may look through, of the detections that are sure enough to contradict a label.
_LABEL_ERRORS, _LABEL_ERROR_SCORE = 10, 0.7


@dataclass(frozen=True, slots=True)
class Measures:
    """Everything measured on one run.

    Attributes:
        coco: the twelve numbers and AP by class.
        intervals: of AP, by bootstrap over frames.
        diagnosis: curves, confusion, kinds of error, calibration, slices, doubtful labels.
        kitti: official scores; None without full labels.
    """

    coco: CocoMetrics
    intervals: ApIntervals
    diagnosis: Diagnosis
    kitti: KittiAp | None

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON types, for whoever goes on with the numbers."""
        return {
            "coco": self.coco.to_json(),
            "intervals": asdict(self.intervals),
            "kitti": None if self.kitti is None else self.kitti.to_json(),
            "diagnosis": self.diagnosis.to_json(),
        }


def measure_run(run: RunFolder, *, draws: CompareConfig) -> Measures:
    """Return everything the page shows of a run's detections.

    Args:
        run: what was found on which frames.
        draws: of the bootstrap.

    Raises:
        EvaluationError: if the frames hold no object, or the detections cannot be scored.
    """
    coco = coco_metrics(run.frames, run.detections, run.table, engine="hotcoco")
    truth = coco_ground_truth(run.frames, run.table)
    ids = {image["frame_id"]: image["id"] for image in truth["images"]}
    matches = match_detections(truth, result_rows(run.detections, ids, run.table))
    return Measures(
        coco=coco,
        intervals=ap_intervals(matches, resamples=draws.resamples, confidence=draws.confidence, seed=draws.seed),
        diagnosis=diagnose(
            run.frames,
            run.detections,
            run.table,
            # For the file of numbers: the gallery chooses its own, which leaves out detections inside DontCare.
            worst=_WORST_FRAMES,
            label_errors=_LABEL_ERRORS,
            label_error_score=_LABEL_ERROR_SCORE,
        ),
        kitti=_kitti(run) if run.has_images else None,
    )


def _kitti(run: RunFolder) -> KittiAp:
    return kitti_ap(
        {frame.frame_id: frame.objects for frame in run.frames},
        {found.frame_id: kitti_result_rows(found, run.table) for found in run.detections},
    )
