"""Which frames the gallery shows, and their pictures: best, worst and random, ground truth with detections."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from kittidet.classes import ClassTable
from kittidet.drawing import draw_frame
from kittidet.errors import DatasetContractError
from kittidet.eval.diagnosis import FrameCounts, worst_first
from kittidet.frame import Detections, Frame


def choose_frames(counts: Sequence[FrameCounts], *, each: int, seed: int) -> dict[str, list[FrameCounts]]:
    """Return up to ``each`` frames as ``best``, ``worst`` and ``random``; no frame is shown twice.

    Best and worst are by F1, of equals those with more in them first; frames with nothing in them are neither.
    """
    full = [c for c in counts if c.found + c.missed + c.extra]
    best = sorted(full, key=lambda c: (-c.f1, -c.found, c.frame_id))[:each]
    worst = [c for c in worst_first(counts) if c not in best][:each]
    left = [c for c in counts if c not in best and c not in worst]
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
