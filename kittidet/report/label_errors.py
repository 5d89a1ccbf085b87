"""Pictures of doubtful labels: the place where a sure detection and the labels contradict each other, cut out."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from kittidet.classes import ClassTable
from kittidet.drawing import draw_frame
from kittidet.errors import DatasetContractError
from kittidet.eval.diagnosis import LabelError
from kittidet.frame import Detections, Frame

_WIDTH = 480  # pixels of a cut: two pixels of a phone's card for each of its points
_AROUND = 2.2  # the cut is this many boxes wide and high, so that one sees what the box is of
_LEAST = (160, 120)  # pixels of the original, for the smallest boxes


def draw_label_error(frame: Frame, error: LabelError, table: ClassTable) -> Image.Image:
    """Return the surroundings of a doubtful label, enlarged, with the labels dashed and the one detection solid.

    Raises:
        DatasetContractError: if the image cannot be read.
    """
    left, top, right, bottom = _surroundings(error.xyxy, frame.size_wh)
    scale = _WIDTH / (right - left)
    try:
        with Image.open(frame.image_path) as image:
            cut = image.convert("RGB").crop((left, top, right, bottom))
    except OSError as problem:
        raise DatasetContractError(f"{frame.image_path}: cannot be read as an image: {problem}.") from problem

    def moved(box: Sequence[float]) -> tuple[float, float, float, float]:
        return tuple((v - o) * scale for v, o in zip(box, (left, top, left, top), strict=True))  # type: ignore[return-value]

    found = Detections(
        frame.frame_id,
        np.array([moved(error.xyxy)], np.float32),
        np.array([error.score], np.float32),
        np.array([table.id_of(error.detected)], np.int32),
    )
    return draw_frame(
        cut.resize((_WIDTH, round((bottom - top) * scale)), Image.Resampling.LANCZOS),
        objects=[replace(item, xyxy=moved(item.xyxy)) for item in frame.objects],
        detections=found,
        table=table,
        min_score=0.0,
    )


def describe_label_error(error: LabelError) -> str:
    """Return both opinions in a few words."""
    labelled = "nothing labelled" if error.labelled is None else f"labelled {error.labelled}"
    return f"{error.detected} {error.score:.2f}, {labelled}"


def _surroundings(xyxy: Sequence[float], size_wh: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the cut around a box in whole pixels: 4 to 3 where the image is high enough, all of it in the image."""
    wide, high = xyxy[2] - xyxy[0], xyxy[3] - xyxy[1]
    need_h = max(_LEAST[1], _AROUND * high, _AROUND * wide * 3 / 4)
    cut_h = min(size_wh[1], round(need_h))
    cut_w = min(size_wh[0], round(max(_LEAST[0], cut_h * 4 / 3, 1.2 * wide)))
    left = round(min(max(0, (xyxy[0] + xyxy[2] - cut_w) / 2), size_wh[0] - cut_w))
    top = round(min(max(0, (xyxy[1] + xyxy[3] - cut_h) / 2), size_wh[1] - cut_h))
    return left, top, left + cut_w, top + cut_h
