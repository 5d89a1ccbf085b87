"""Detections as KITTI result rows and files; loads no TensorFlow."""

from pathlib import Path

from kittidet.classes import ClassTable
from kittidet.frame import Detections, KittiObject
from kittidet.kitti.labels import format_label_line


def kitti_result_rows(detections: Detections, table: ClassTable) -> list[KittiObject]:
    """Return detections as KITTI result rows; values a 2D detector does not know get the devkit's "unknown"."""
    return [
        KittiObject.of_box(
            table.name_of(int(class_id)),
            (float(box[0]), float(box[1]), float(box[2]), float(box[3])),
            score=float(score),
        )
        for box, score, class_id in zip(detections.xyxy, detections.scores, detections.class_ids, strict=True)
    ]


def write_kitti_results(detections: Detections, table: ClassTable, folder: Path) -> Path:
    """Write ``<frame>.txt`` into a folder and return it; an empty file for a frame without detections."""
    path = folder / f"{detections.frame_id}.txt"
    lines = [format_label_line(row) + "\n" for row in kitti_result_rows(detections, table)]
    path.write_text("".join(lines), encoding="utf-8")
    return path
