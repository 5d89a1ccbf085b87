"""Frames of a KITTI tree: an image's path and size with the rows of its label file; decodes no pixels."""

from dataclasses import replace
from pathlib import Path

from kittidet.classes import DONT_CARE, ClassTable
from kittidet.errors import LabelParseError
from kittidet.frame import Frame, KittiObject
from kittidet.kitti.image_file import read_image_size
from kittidet.kitti.labels import parse_label_file
from kittidet.kitti.tree import KittiTree


def load_frame(tree: KittiTree, frame_id: str, table: ClassTable | None = None) -> Frame:
    """Return a frame of a tree: its image's path and size, and every row of its label file.

    Args:
        tree: the tree.
        frame_id: one of its frames.
        table: the classes in use; types it ignores become DontCare. None: every type is kept as it is.

    Raises:
        DatasetContractError: if the image is neither PNG nor JPEG.
        LabelParseError: if the label file has a wrong line, or a type that the table does not know.
    """
    image_path = tree.image_path(frame_id)
    objects = label_rows(tree.label_path(frame_id), table)
    return Frame(frame_id, image_path, read_image_size(image_path), objects)


def label_rows(path: Path, table: ClassTable | None) -> tuple[KittiObject, ...]:
    """Return the rows of a label file, in file order, as a class table takes them.

    Raises:
        LabelParseError: as `load_frame`.
    """
    rows = tuple(parse_label_file(path, types=None))
    if table is None:
        return rows
    for row in rows:
        if table.refuses(row.about):
            raise LabelParseError(
                f"{path.parent.name}/{path.name}: unknown class {row.about!r}: expected one of {table.describe()}. "
                "Name it in `records.classes`, set `records.unlisted`, or correct the row."
            )
    # A region of a class that is left out is left out with it.
    kept = (row for row in rows if row.region_of is None or table.ignores(row.about) or table.id_of(row.about))
    return tuple(replace(row, type=DONT_CARE, region_of=None) if table.ignores(row.about) else row for row in kept)
