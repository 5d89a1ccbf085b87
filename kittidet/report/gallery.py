"""Which frames the gallery shows, and their pictures: best, worst and random, ground truth with detections."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from kittidet.boxes import coverage_xyxy, iou_xyxy
from kittidet.classes import ClassTable
from kittidet.drawing import draw_frame
from kittidet.errors import DatasetContractError
from kittidet.frame import Detections, Frame

_MATCH_IOU = 0.5
_COVERED = 0.5  # a detection this far inside DontCare counts neither way


@dataclass(frozen=True, slots=True)
class FrameScore:
    """How well one frame was detected above a score.

    Attributes:
        frame_id: the frame.
        found: labelled objects with a detection of their class at IoU 0.5 or more.
        missed: those without.
        extra: detections without an object, those inside DontCare regions left out.
    """

    frame_id: str
    found: int
    missed: int
    extra: int

    @property
    def f1(self) -> float:
        """F1 of the frame, 0..1; 1 where there was nothing to find and nothing was found."""
        return 2 * self.found / total if (total := 2 * self.found + self.missed + self.extra) else 1.0


def score_frame(frame: Frame, detections: Detections, table: ClassTable, *, min_score: float) -> FrameScore:
    """Return found, missed and extra of one frame; the best detection takes its best free object."""
    truth, truth_ids = frame.labelled(table)
    keep = detections.scores >= min_score
    order = np.argsort(-detections.scores[keep], kind="stable")
    boxes, ids = detections.xyxy[keep][order], detections.class_ids[keep][order]
    overlaps = iou_xyxy(boxes, truth) * (ids[:, None] == truth_ids[None, :])
    inside = coverage_xyxy(boxes, frame.dont_care_xyxy()).max(axis=1, initial=0.0) >= _COVERED
    free = np.ones(len(truth), bool)
    found = extra = 0
    for row, ignored in zip(overlaps, inside, strict=True):
        candidates = np.where(free, row, 0.0)
        best = int(candidates.argmax()) if len(truth) else -1
        if best >= 0 and candidates[best] >= _MATCH_IOU:
            free[best] = False
            found += 1
        elif not ignored:
            extra += 1
    return FrameScore(frame.frame_id, found, int(free.sum()), extra)


def choose_frames(scores: Sequence[FrameScore], *, each: int, seed: int) -> dict[str, list[FrameScore]]:
    """Return up to ``each`` frames as ``best``, ``worst`` and ``random``; no frame is shown twice.

    Best and worst are by F1, of equals those with more in them first; frames with nothing in them are neither.
    """
    full = [s for s in scores if s.found + s.missed + s.extra]
    best = sorted(full, key=lambda s: (-s.f1, -s.found, s.frame_id))[:each]
    left = [s for s in full if s not in best]
    worst = sorted(left, key=lambda s: (s.f1, -(s.missed + s.extra), s.frame_id))[:each]
    left = [s for s in scores if s not in best and s not in worst]
    order = np.random.default_rng(seed).permutation(len(left))
    return {"best": best, "worst": worst, "random": [left[i] for i in order[:each]]}


def draw_pair(frame: Frame, detections: Detections, table: ClassTable, *, min_score: float) -> Image.Image:
    """Return a frame with its labels dashed and its detections solid.

    Raises:
        DatasetContractError: if the image cannot be read.
    """
    try:
        with Image.open(frame.image_path) as image:
            return draw_frame(image, objects=frame.objects, detections=detections, table=table, min_score=min_score)
    except OSError as error:
        raise DatasetContractError(f"{frame.image_path}: cannot be read as an image: {error}.") from error


def jpeg_bytes(image: Image.Image, *, quality: int) -> bytes:
    """Return an image as JPEG, for a page that carries its pictures."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
    return buffer.getvalue()
