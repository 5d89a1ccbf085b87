"""The page's pictures: each as a PNG file at full size and as a JPEG that the page carries."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from kittidet.config import ReportConfig
from kittidet.drawing import draw_gallery
from kittidet.eval.diagnosis import LabelError
from kittidet.report.gallery import FrameScore, choose_frames, draw_pair, jpeg_bytes, score_frame
from kittidet.report.label_errors import describe_label_error, draw_label_error
from kittidet.runs.run import RunFolder

_SHEET_WIDTH = 1600
_JPEG_QUALITY = 84  # the page carries every picture in itself; the PNG files beside it lose nothing
_RANDOM_SEED = 0  # the random frames of a run are the same in each of its reports
_FAST_PNG = 2  # of 9: the next ones cost seconds a picture and save a tenth


def gallery_images(folder: Path, run: RunFolder, config: ReportConfig, min_score: float) -> list[dict[str, Any]]:
    """Write ``gallery/`` and one sheet a group; return title and shots of best, worst and random."""
    frames = {frame.frame_id: frame for frame in run.frames}
    found = {d.frame_id: d for d in run.detections}
    scores = [score_frame(frames[i], found[i], run.table, min_score=min_score) for i in frames]
    groups = []
    (folder / "gallery").mkdir()
    for title, chosen in choose_frames(scores, each=config.gallery_frames, seed=_RANDOM_SEED).items():
        shots, sheet = [], []
        for score in chosen:
            picture = draw_pair(frames[score.frame_id], found[score.frame_id], run.table, min_score=min_score)
            png = f"gallery/{title}_{score.frame_id}.png"
            picture.save(folder / png, compress_level=_FAST_PNG)
            sheet.append((f"{score.frame_id}: {_said(score)}", picture))
            shots.append(_shot(score.frame_id, _said(score), png, picture))
        if sheet:
            draw_gallery(sheet, columns=2, width=_SHEET_WIDTH).save(
                folder / f"gallery_{title}.png", compress_level=_FAST_PNG
            )
        groups.append({"title": title.capitalize(), "shots": shots})
    return groups


def label_error_images(folder: Path, run: RunFolder, errors: Sequence[LabelError]) -> list[dict[str, Any]]:
    """Write ``doubtful/`` and return its shots, in the order given; without errors there is no folder."""
    frames = {frame.frame_id: frame for frame in run.frames}
    shots = []
    for number, error in enumerate(errors, start=1):
        picture = draw_label_error(frames[error.frame_id], error, run.table)
        png = f"doubtful/{number:02d}_{error.frame_id}.png"
        (folder / png).parent.mkdir(exist_ok=True)
        picture.save(folder / png)
        shots.append(_shot(error.frame_id, describe_label_error(error), png, picture))
    return shots


def _shot(frame_id: str, caption: str, png: str, picture: Image.Image) -> dict[str, Any]:
    data = base64.b64encode(jpeg_bytes(picture, quality=_JPEG_QUALITY)).decode()
    return {
        "frame_id": frame_id,
        "caption": caption,
        "png": png,
        "data": f"data:image/jpeg;base64,{data}",
        "width": picture.width,
        "height": picture.height,
    }


def _said(score: FrameScore) -> str:
    return f"{score.found} found, {score.missed} missed, {score.extra} extra"
