"""Predictions as files: KITTI result files, one COCO JSON, images with the boxes drawn in.

Everything goes into a folder that gets its name when it is complete.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from kittidet.classes import ClassTable
from kittidet.coco_document import coco_annotation, coco_categories, coco_image
from kittidet.detect.predictor import ImageDetections
from kittidet.drawing import draw_frame
from kittidet.errors import EvaluationError
from kittidet.files import whole_folder, write_json
from kittidet.kitti.results import write_kitti_results

# Lower values smear the thin lines of boxes and their small text first.
_JPEG_QUALITY = 90


@contextmanager
def prediction_writer(
    out_dir: Path,
    table: ClassTable,
    *,
    images: bool = False,
    kitti: bool = False,
    coco: bool = False,
    min_score: float,
) -> Iterator[Callable[[ImageDetections], None]]:
    """Yield a function that writes what was found in one image; the folder has its name when the block ends.

    Args:
        out_dir: the folder to make; it must not exist, or be empty.
        table: the detector's classes.
        images: draw into copies of the images, in ``images/``.
        kitti: write result files into ``kitti/``, which ``evaluate-kitti`` reads.
        coco: write ``predictions.json``: a COCO data set whose annotations have a score.
        min_score: detections are drawn from here on; the files keep them all.

    Raises:
        EvaluationError: if ``out_dir`` holds something.
        OSError: if it cannot be written.
    """
    document: dict[str, list[Any]] = {"images": [], "annotations": [], "categories": coco_categories(table)}
    with whole_folder(check_new_folder(out_dir)) as folder:
        for name, wanted in (("images", images), ("kitti", kitti)):
            if wanted:
                (folder / name).mkdir()

        def write(item: ImageDetections) -> None:
            found, image = item.detections, item.image
            if kitti:
                write_kitti_results(found, table, folder / "kitti")
            if images:
                shown = draw_frame(Image.fromarray(image.pixels), detections=found, table=table, min_score=min_score)
                shown.save(folder / "images" / f"{image.name}.jpg", quality=_JPEG_QUALITY)
            if coco:
                _add_to_coco(document, item)

        yield write
        if coco:
            write_json(folder / "predictions.json", document, indent=None)


def check_new_folder(path: Path) -> Path:
    """Return ``path`` if nothing is there that would be overwritten.

    Raises:
        EvaluationError: if it is a file or a folder with something in it.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise EvaluationError(f"{path}: expected a new or empty folder, it holds something. Choose another.")
    return path


def _add_to_coco(document: dict[str, list[Any]], item: ImageDetections) -> None:
    image, found, rows = item.image, item.detections, document["annotations"]
    image_id = len(document["images"]) + 1
    document["images"].append(coco_image(image_id, image.name, image.file_name, image.size_wh))
    for xyxy, score, class_id in zip(found.xyxy.tolist(), found.scores.tolist(), found.class_ids.tolist(), strict=True):
        rows.append(coco_annotation(image_id, class_id, xyxy, id=len(rows) + 1, score=score))
