"""KITTI frames -> YOLO text labels: ``class centre_x centre_y width height``, shares of the image, classes from 0.

YOLO has no field for anything else, so there is no way back; ``yolo_lines`` counts what is left out.
"""

from collections import Counter

import numpy as np

from kittidet.classes import ClassTable
from kittidet.frame import Frame


def yolo_lines(frame: Frame, table: ClassTable) -> tuple[list[str], Counter[str]]:
    """Return the rows of one frame's label file, and counts of what is lost, by description."""
    width, height = frame.size_wh
    lines = []
    lost: Counter[str] = Counter()
    for item in frame.objects:
        if item.is_dont_care:
            lost["DontCare regions: detections there will count as false although nothing was labelled"] += 1
            continue
        class_id = table.id_of(item.type)
        if class_id is None:
            lost[f"boxes of {item.type}, which the class table leaves out"] += 1
            continue
        if table.name_of(class_id) != item.type:
            lost[f"the type {item.type}, written as {table.name_of(class_id)}"] += 1
        box = np.array(item.xyxy, np.float64) / (width, height, width, height)
        inside = np.clip(box, 0, 1)
        if np.any(inside != box):
            lost["parts of boxes outside the image"] += 1
        centre, extent = (inside[:2] + inside[2:]) / 2, inside[2:] - inside[:2]
        lines.append(f"{class_id - 1} {centre[0]:.6f} {centre[1]:.6f} {extent[0]:.6f} {extent[1]:.6f}")
        lost["truncation, occlusion, observation angle and 3D box of an object"] += 1
    return lines, lost


def dataset_yaml(table: ClassTable, splits: tuple[str, ...]) -> str:
    """Return the ``data.yaml`` that YOLO trainers read; a missing split falls back to the first or last one.

    It has no ``path``: readers take the folder of the file then, while ``path: .`` is the folder they are started in.
    """
    train = "train" if "train" in splits else splits[0]
    val = "val" if "val" in splits else splits[-1]
    names = "".join(f"  {number}: {name}\n" for number, name in enumerate(table.names))
    return (
        "# KITTI is licensed CC BY-NC-SA 3.0: non-commercial.\n"
        f"train: images/{train}\nval: images/{val}\nnames:\n{names}"
    )
