"""All labels (or all detections) of a data set as one table of arrays, and which of them overlap.

Knows boxes and frames, not difficulty levels or scores' meaning. Everything is float64, as in the devkit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kittidet.arrays import BoolArray, FloatArray, IntArray
from kittidet.boxes import coverage_of_pairs, iou_of_pairs
from kittidet.frame import KittiObject

# Frames whose label-detection pairs are held in memory at a time: 7,481 frames x 100 detections stay below 100 MB.
_FRAMES_AT_A_TIME = 512


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of many label or result files, frame after frame.

    Attributes:
        frame: ``[n]`` number of the frame, not decreasing.
        kind: ``[n]`` class names in lower case; the devkit ignores case.
        xyxy: ``[n, 4]`` pixels of the original image.
        truncated: ``[n]`` as written: 0..1, or -1 where unknown.
        occluded: ``[n]`` as written: 0..3, or what other writers have for unknown: -1, 4.
        score: ``[n]``; 0 for labels.
    """

    frame: IntArray
    kind: npt.NDArray[np.str_]
    xyxy: FloatArray
    truncated: FloatArray
    occluded: IntArray
    score: FloatArray

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def height(self) -> FloatArray:
        """Box heights ``[n]``, pixels."""
        return np.abs(self.xyxy[:, 3] - self.xyxy[:, 1])

    def take(self, index: IntArray | BoolArray) -> "Rows":
        """Return the rows of an index or mask, in its order."""
        return Rows(
            self.frame[index],
            self.kind[index],
            self.xyxy[index],
            self.truncated[index],
            self.occluded[index],
            self.score[index],
        )


@dataclass(frozen=True, slots=True)
class Pairs:
    """Label and detection of one frame that overlap.

    Attributes:
        truth: ``[p]`` row of the label, not decreasing.
        found: ``[p]`` row of the detection.
        iou: ``[p]`` intersection over union, 0..1.
    """

    truth: IntArray
    found: IntArray
    iou: FloatArray

    def take(self, mask: BoolArray) -> "Pairs":
        """Return the pairs of a mask, in order."""
        return Pairs(self.truth[mask], self.found[mask], self.iou[mask])


def build_rows(objects: Mapping[str, Sequence[KittiObject]], frame_ids: Sequence[str], *, keep_order: bool) -> Rows:
    """Return the rows of the named frames.

    Args:
        objects: frame id -> rows; a frame that is not there has none.
        frame_ids: the frames, in the order that numbers them.
        keep_order: leave each frame's rows in file order, which in the devkit decides who chooses first. Otherwise
            they are sorted by score, then least truncated, then largest, so that the order of lines means nothing.
            Measured on real detections with noise added, this order stays closer to the devkit's AP (mean difference
            0.015, shuffled rows 0.065) than others do.
    """
    flat = [(number, item) for number, name in enumerate(frame_ids) for item in objects.get(name, ())]
    rows = Rows(
        frame=np.array([number for number, _ in flat], dtype=np.int64),
        kind=np.array([item.type.lower() for _, item in flat], dtype=np.str_),
        xyxy=np.array([item.xyxy for _, item in flat], dtype=np.float64).reshape(-1, 4),
        truncated=np.array([item.truncated for _, item in flat], dtype=np.float64),
        occluded=np.array([item.occluded for _, item in flat], dtype=np.int64),
        score=np.array([0.0 if item.score is None else item.score for _, item in flat], dtype=np.float64),
    )
    if keep_order:
        return rows
    left, top, right, bottom = rows.xyxy.T
    area = (right - left) * (bottom - top)
    return rows.take(np.lexsort((rows.kind, bottom, right, top, left, -area, rows.truncated, -rows.score, rows.frame)))


def overlapping_pairs(truth: Rows, found: Rows, *, above_iou: float) -> Pairs:
    """Return every pair of a label and a detection of the same frame whose overlap exceeds ``above_iou``."""
    parts = [_pairs_of(truth, found, t, f, above_iou) for t, f in _same_frame_rows(truth.frame, found.frame)]
    return Pairs(
        truth=np.concatenate([part.truth for part in parts] or [np.empty(0, np.int64)]),
        found=np.concatenate([part.found for part in parts] or [np.empty(0, np.int64)]),
        iou=np.concatenate([part.iou for part in parts] or [np.empty(0)]),
    )


def covered_share(found: Rows, regions: Rows) -> FloatArray:
    """Return the largest share ``[n]`` of each detection's area that lies inside one region of its frame, 0..1."""
    share = np.zeros(len(found))
    for f, r in _same_frame_rows(found.frame, regions.frame):
        np.maximum.at(share, f, coverage_of_pairs(found.xyxy[f], regions.xyxy[r]))
    return share


def _pairs_of(truth: Rows, found: Rows, t: IntArray, f: IntArray, above_iou: float) -> Pairs:
    iou = iou_of_pairs(truth.xyxy[t], found.xyxy[f])
    keep = iou > above_iou
    return Pairs(t[keep], f[keep], iou[keep])


def _same_frame_rows(a_frame: IntArray, b_frame: IntArray) -> list[tuple[IntArray, IntArray]]:
    """Return all (row of a, row of b) with equal frames, as pairs of index arrays, some hundred frames in each."""
    start = np.searchsorted(b_frame, a_frame, side="left")
    count = np.searchsorted(b_frame, a_frame, side="right") - start
    groups = []
    for low in range(0, int(a_frame[-1]) + 1 if len(a_frame) else 0, _FRAMES_AT_A_TIME):
        first, last = np.searchsorted(a_frame, [low, low + _FRAMES_AT_A_TIME])
        counts = count[first:last]
        a = np.repeat(np.arange(first, last), counts)
        within = np.arange(len(a)) - np.repeat(np.cumsum(counts) - counts, counts)
        groups.append((a, np.repeat(start[first:last], counts) + within))
    return groups
