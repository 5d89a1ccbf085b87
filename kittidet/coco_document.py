"""The parts of a COCO document: images, annotations, categories; JSON types only.

Boxes leave ``xyxy`` here for COCO's ``x, y, width, height``.
"""

from collections.abc import Sequence
from typing import Any

from kittidet.classes import ClassTable


def coco_image(image_id: int, frame_id: str, file_name: str, size_wh: tuple[int, int]) -> dict[str, Any]:
    """Return an entry of ``images``; ``frame_id`` is this project's addition."""
    width, height = size_wh
    return {"id": image_id, "file_name": file_name, "frame_id": frame_id, "width": int(width), "height": int(height)}


def coco_annotation(
    image_id: int, class_id: int, xyxy: Sequence[float], *, crowd: bool = False, **more: Any
) -> dict[str, Any]:
    """Return an entry of ``annotations`` without its id.

    Args:
        image_id: the image.
        class_id: the category.
        xyxy: left, top, right, bottom, pixels.
        crowd: whether the box stands for a group, or a region that is not scored.
        **more: further fields, such as ``score``.
    """
    left, top, right, bottom = (float(value) for value in xyxy)
    width, height = right - left, bottom - top
    return {
        "image_id": image_id,
        "category_id": class_id,
        "bbox": [left, top, width, height],
        "area": width * height,
        "iscrowd": int(crowd),
        **more,
    }


def coco_categories(table: ClassTable) -> list[dict[str, Any]]:
    """Return ``categories`` with the table's ids."""
    return [{"id": number, "name": name} for number, name in enumerate(table.names, start=1)]
