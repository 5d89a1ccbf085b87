"""Converts a whole KITTI tree to COCO or YOLO.

The output folder is complete or absent, and never overwritten. Every conversion reports what it could not keep.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from kittidet.classes import ClassTable
from kittidet.convert.coco import to_coco
from kittidet.convert.output import Conversion, ImageMode, free_folder, log_conversion, place
from kittidet.convert.output import write_exactly as write
from kittidet.convert.yolo import dataset_yaml, yolo_lines
from kittidet.errors import DatasetContractError
from kittidet.files import whole_folder
from kittidet.kitti.frames import load_frame
from kittidet.kitti.tree import KittiTree

Splits = Mapping[str, Sequence[str]]


def tree_to_coco(tree: KittiTree, out_dir: Path, *, splits: Splits, images: ImageMode) -> Conversion:
    """Write ``annotations/<split>.json`` and ``images/`` of a KITTI tree, without losing anything in its labels.

    Args:
        tree: labels and images.
        out_dir: created; must not exist.
        splits: name -> frame ids.
        images: link to them, copy them, or leave them where they are.

    Raises:
        DatasetContractError: if ``out_dir`` exists or a split names a frame that the tree does not have.
        LabelParseError: from a label file.
    """
    _check_splits(tree, splits)
    objects = 0
    with whole_folder(free_folder(out_dir)) as folder:
        (folder / "annotations").mkdir()
        for name, frame_ids in splits.items():
            document = to_coco((load_frame(tree, i), _label_text(tree, i)) for i in frame_ids)
            objects += len(document["annotations"])
            objects += sum(len(image["kitti"]["dont_care"]) for image in document["images"])
            write(folder / "annotations" / f"{name}.json", json.dumps(document, indent=1) + "\n")
            for frame_id in frame_ids:
                place(tree.image_path(frame_id), folder / "images" / tree.image_path(frame_id).name, images)
    return log_conversion("coco", Conversion(out_dir, sum(map(len, splits.values())), objects, {}))


def tree_to_yolo(tree: KittiTree, out_dir: Path, *, splits: Splits, images: ImageMode, table: ClassTable) -> Conversion:
    """Write ``labels/<split>/``, ``images/<split>/`` and ``data.yaml`` of a KITTI tree.

    Args:
        tree: labels and images.
        out_dir: created; must not exist.
        splits: name -> frame ids.
        images: link to them, copy them, or leave them where they are.
        table: the classes; YOLO's ids are the table's minus one.

    Raises:
        DatasetContractError: if ``out_dir`` exists or a split names a frame that the tree does not have.
        LabelParseError: from a label file.
    """
    _check_splits(tree, splits)
    lost: Counter[str] = Counter()
    objects = 0
    with whole_folder(free_folder(out_dir)) as folder:
        for name, frame_ids in splits.items():
            (folder / "labels" / name).mkdir(parents=True)
            for frame_id in frame_ids:
                lines, lost_here = yolo_lines(load_frame(tree, frame_id), table)
                lost.update(lost_here)
                objects += len(lines)
                write(folder / "labels" / name / f"{frame_id}.txt", "".join(line + "\n" for line in lines))
                source = tree.image_path(frame_id)
                place(source, folder / "images" / name / source.name, images)
        write(folder / "data.yaml", dataset_yaml(table, tuple(splits)))
    return log_conversion("yolo", Conversion(out_dir, sum(map(len, splits.values())), objects, dict(lost)))


def _check_splits(tree: KittiTree, splits: Splits) -> None:
    known = set(tree.frame_ids)
    for name, frame_ids in splits.items():
        if Path(name).name != name or name in {"", ".", ".."}:
            raise ValueError(f"split {name!r}: expected a plain name")
        unknown = [i for i in frame_ids if i not in known]
        if unknown:
            raise DatasetContractError(
                f"split {name}: {len(unknown)} frames are not in {tree.root}: {unknown[:5]}. Expected ids such as "
                f"{tree.frame_ids[:3]}."
            )


def _label_text(tree: KittiTree, frame_id: str) -> str:
    # Bytes, not text: universal newlines would drop the CR of a CRLF file.
    return tree.label_path(frame_id).read_bytes().decode("utf-8")
