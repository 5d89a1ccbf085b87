"""The gallery: the best, the worst and random frames, ground truth with detections."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kittidet.config import ReportConfig
from kittidet.drawing import draw_frame, draw_gallery
from kittidet.eval.diagnosis import Diagnosis, FrameCounts, worst_first
from kittidet.report.images import FAST_PNG, read_image, save_image
from kittidet.runs.run import Run

_SHEET_WIDTH = 1600
_RANDOM_SEED = 0  # the random frames of a run are the same in each of its reports


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


def gallery_images(folder: Path, run: Run, diagnosis: Diagnosis, config: ReportConfig) -> list[dict[str, Any]]:
    """Write ``gallery/`` and a sheet of each group; return title and images of best, worst and random.

    Raises:
        DatasetContractError: if an image cannot be read.
    """
    frames = {frame.frame_id: frame for frame in run.frames}
    detections = {found.frame_id: found for found in run.detections}
    groups = []
    for title, chosen in choose_frames(diagnosis.frames, each=config.gallery_frames, seed=_RANDOM_SEED).items():
        images, sheet = [], []
        for counts in chosen:
            frame = frames[counts.frame_id]
            image = draw_frame(
                read_image(frame),
                objects=frame.objects,
                detections=detections[frame.frame_id],
                table=run.table,
                min_score=diagnosis.min_score,
            )
            caption = f"{counts.found} found, {counts.missed} missed, {counts.extra} extra"
            name = f"gallery/{title}_{frame.frame_id}.png"
            sheet.append((f"{frame.frame_id}: {caption}", image))
            images.append(save_image(image, folder, name, frame_id=frame.frame_id, caption=caption))
        if sheet:
            whole = draw_gallery(sheet, columns=2, width=_SHEET_WIDTH)
            whole.save(folder / f"gallery_{title}.png", compress_level=FAST_PNG)
        groups.append({"title": title.capitalize(), "images": images})
    return groups
