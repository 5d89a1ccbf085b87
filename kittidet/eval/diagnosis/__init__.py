"""Why AP is what it is: curves, confusion, kinds of error, calibration, slices, worst frames, likely label errors."""

from kittidet.eval.diagnosis.curves import RECALLS, THRESHOLDS, ScoreCurves, score_curves
from kittidet.eval.diagnosis.diagnose import Diagnosis, diagnose
from kittidet.eval.diagnosis.errors import Calibration, Confusion, TideError
from kittidet.eval.diagnosis.frames import FrameCounts, LabelError, worst_first
from kittidet.eval.diagnosis.slices import SliceAp, ap_by_slice

__all__ = [
    "RECALLS",
    "THRESHOLDS",
    "Calibration",
    "Confusion",
    "Diagnosis",
    "FrameCounts",
    "LabelError",
    "ScoreCurves",
    "SliceAp",
    "TideError",
    "ap_by_slice",
    "diagnose",
    "score_curves",
    "worst_first",
]
