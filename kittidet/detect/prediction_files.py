"""Predictions as files: KITTI result files, one COCO JSON, drawn pictures.

Everything goes into a folder that gets its name when it is complete.
"""

import json
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from PIL import Image

from kittidet.classes import ClassTable
from kittidet.detect.predictor import ImageDetections
from kittidet.drawing import draw_frame
from kittidet.errors import EvaluationError
from kittidet.kitti.results import write_kitti_results

# Lower values smear the thin lines of boxes and their small text first.
_JPEG_QUALITY = 90


class PredictionWriter:
    """Writes predictions as they come; ``with`` publishes the folder at its end, or nothing if it fails.

    Args:
        out_dir: the folder to make; it must not exist, or be empty.
        table: the detector's classes.
        images: draw pictures into ``images/``.
        kitti: write result files into ``kitti/``, which ``evaluate-kitti`` reads.
        coco: write ``predictions.json``: a COCO data set whose annotations have a score.
        min_score: detections are drawn from here on; the files keep them all.

    Raises:
        EvaluationError: if ``out_dir`` holds something.
    """

    def __init__(
        self,
        out_dir: Path,
        table: ClassTable,
        *,
        images: bool,
        kitti: bool,
        coco: bool,
        min_score: float,
    ) -> None:
        self.out_dir = check_new_folder(out_dir)
        self._table = table
        self._images, self._kitti, self._coco = images, kitti, coco
        self._min_score = min_score
        self._partial = out_dir.with_name(f".{out_dir.name}.partial-{os.getpid()}")
        self._image_rows: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        """Start with an empty folder beside the final one."""
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir(parents=True)
        for name, wanted in (("images", self._images), ("kitti", self._kitti)):
            if wanted:
                (self._partial / name).mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the folder its name, or remove it if something was raised."""
        if kind is not None:
            shutil.rmtree(self._partial)
            return
        if self._coco:
            categories = [{"id": i, "name": name} for i, name in enumerate(self._table.names, start=1)]
            content = {"images": self._image_rows, "annotations": self._annotations, "categories": categories}
            (self._partial / "predictions.json").write_text(json.dumps(content) + "\n", encoding="utf-8")
        if self.out_dir.exists():
            self.out_dir.rmdir()
        self._partial.rename(self.out_dir)

    def write(self, item: ImageDetections) -> None:
        """Write what was asked for of one picture."""
        found, picture = item.detections, item.picture
        if self._kitti:
            write_kitti_results(found, self._table, self._partial / "kitti")
        if self._images:
            drawn = draw_frame(
                Image.fromarray(picture.pixels), detections=found, table=self._table, min_score=self._min_score
            )
            drawn.save(self._partial / "images" / f"{picture.name}.jpg", quality=_JPEG_QUALITY)
        if self._coco:
            self._add_to_coco(item)

    def _add_to_coco(self, item: ImageDetections) -> None:
        image_id = len(self._image_rows) + 1
        width, height = item.picture.size_wh
        self._image_rows.append(
            {"id": image_id, "file_name": item.picture.path.name, "width": width, "height": height}
            | {"frame_id": item.picture.name}
        )
        found = item.detections
        for box, score, class_id in zip(
            found.xyxy.tolist(), found.scores.tolist(), found.class_ids.tolist(), strict=True
        ):
            left, top, right, bottom = box
            wide, high = right - left, bottom - top
            self._annotations.append(
                {
                    "id": len(self._annotations) + 1,
                    "image_id": image_id,
                    "category_id": class_id,
                    "bbox": [left, top, wide, high],
                    "area": wide * high,
                    "iscrowd": 0,
                    "score": score,
                }
            )


def check_new_folder(path: Path) -> Path:
    """Return ``path`` if nothing is there that would be overwritten.

    Raises:
        EvaluationError: if it is a file or a folder with something in it.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise EvaluationError(f"{path}: expected a new or empty folder, it holds something. Choose another.")
    return path


def next_free_folder(path: Path) -> Path:
    """Return ``path``, or the first of ``path-2``, ``path-3``, ... that does not exist."""
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate
