"""Possible label errors: the places where a confident detection and the labels contradict each other, cut out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kittidet.classes import ClassTable
from kittidet.drawing import draw_frame
from kittidet.eval.diagnosis import LabelError
from kittidet.frame import Detections, Frame
from kittidet.report.images import read_image, save_image
from kittidet.runs.run import Run

_WIDTH = 480  # pixels of a cut-out: two pixels of a phone's card for each of its points
_AROUND = 2.2  # the cut-out is this many boxes wide and high, so that one sees what the box is of
_LEAST = (160, 120)  # pixels of the original, for the smallest boxes


def label_error_images(folder: Path, run: Run, errors: Sequence[LabelError]) -> list[dict[str, Any]]:
    """Write ``label_errors/`` and return its images, in the order given; without errors there is no folder.

    Raises:
        DatasetContractError: if an image cannot be read.
    """
    frames = {frame.frame_id: frame for frame in run.frames}
    return [
        save_image(
            draw_label_error(frames[error.frame_id], error, run.table),
            folder,
            f"label_errors/{number:02d}_{error.frame_id}.png",
            frame_id=error.frame_id,
            caption=describe_label_error(error),
        )
        for number, error in enumerate(errors, start=1)
    ]


def draw_label_error(frame: Frame, error: LabelError, table: ClassTable) -> Image.Image:
    """Return the surroundings of a possible label error, enlarged: labels dashed, the one detection solid.

    Raises:
        DatasetContractError: if the image cannot be read.
    """
    left, top, right, bottom = _surroundings(error.xyxy, frame.size_wh)
    scale = _WIDTH / (right - left)
    cut_out = read_image(frame).crop((left, top, right, bottom))

    def moved(box: Sequence[float]) -> tuple[float, float, float, float]:
        return tuple((v - o) * scale for v, o in zip(box, (left, top, left, top), strict=True))  # type: ignore[return-value]

    found = Detections(
        frame.frame_id,
        np.array([moved(error.xyxy)], np.float32),
        np.array([error.score], np.float32),
        np.array([table.id_of(error.detected)], np.int32),
    )
    return draw_frame(
        cut_out.resize((_WIDTH, round((bottom - top) * scale)), Image.Resampling.LANCZOS),
        objects=[replace(item, xyxy=moved(item.xyxy)) for item in frame.objects],
        detections=found,
        table=table,
        min_score=0.0,
    )


def describe_label_error(error: LabelError) -> str:
    """Return what was detected and what is labelled, in a few words."""
    labelled = "nothing labelled" if error.labelled is None else f"labelled {error.labelled}"
    return f"{error.detected} {error.score:.2f}, {labelled}"


def _surroundings(xyxy: Sequence[float], size_wh: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the cut-out around a box in whole pixels: 4 to 3 where the image is high enough, never outside it."""
    wide, high = xyxy[2] - xyxy[0], xyxy[3] - xyxy[1]
    need_h = max(_LEAST[1], _AROUND * high, _AROUND * wide * 3 / 4)
    cut_h = min(size_wh[1], round(need_h))
    cut_w = min(size_wh[0], round(max(_LEAST[0], cut_h * 4 / 3, 1.2 * wide)))
    left = round(min(max(0, (xyxy[0] + xyxy[2] - cut_w) / 2), size_wh[0] - cut_w))
    top = round(min(max(0, (xyxy[1] + xyxy[3] - cut_h) / 2), size_wh[1] - cut_h))
    return left, top, left + cut_w, top + cut_h
