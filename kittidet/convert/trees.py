"""Whole data sets between label formats: a KITTI tree to COCO or YOLO, a COCO document to a KITTI tree.

The output folder is complete or absent, and is never written over. Every conversion says what it could not carry.
"""

import csv
import json
import logging
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from kittidet.classes import ClassTable
from kittidet.convert.coco import LabelledFile, from_coco, to_coco
from kittidet.convert.yolo import dataset_yaml, yolo_lines
from kittidet.errors import DatasetContractError
from kittidet.files import read_json, whole_folder
from kittidet.kitti.frames import load_frame
from kittidet.kitti.tree import KittiTree

log = logging.getLogger(__name__)

ImageMode = Literal["link", "copy", "none"]
Splits = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a conversion wrote, and what it could not.

    Attributes:
        path: the folder.
        frames: label files or image entries written.
        objects: rows written, DontCare included where the format has it.
        lost: sentence -> how many; empty where nothing is lost.
    """

    path: Path
    frames: int
    objects: int
    lost: Mapping[str, int]


def tree_to_coco(tree: KittiTree, out_dir: Path, *, splits: Splits, images: ImageMode) -> Conversion:
    """Write ``annotations/<split>.json`` and ``images/`` of a KITTI tree; nothing of its labels is lost.

    Args:
        tree: labels and images.
        out_dir: made; must not exist.
        splits: name -> frame ids.
        images: link to them, copy them, or leave them where they are.

    Raises:
        DatasetContractError: if ``out_dir`` exists or a split names a frame that the tree does not have.
        LabelParseError: from a label file.
    """
    _check_splits(tree, splits)
    objects = 0
    with whole_folder(_new(out_dir)) as folder:
        (folder / "annotations").mkdir()
        for name, frame_ids in splits.items():
            document = to_coco((load_frame(tree, i), _label_text(tree, i)) for i in frame_ids)
            objects += len(document["annotations"])
            objects += sum(len(image["kitti"]["dont_care"]) for image in document["images"])
            _write(folder / "annotations" / f"{name}.json", json.dumps(document, indent=1) + "\n")
            for frame_id in frame_ids:
                _place(tree.image_path(frame_id), folder / "images" / tree.image_path(frame_id).name, images)
    return _said("coco", Conversion(out_dir, sum(map(len, splits.values())), objects, {}))


def tree_to_yolo(tree: KittiTree, out_dir: Path, *, splits: Splits, images: ImageMode, table: ClassTable) -> Conversion:
    """Write ``labels/<split>/``, ``images/<split>/`` and ``data.yaml`` of a KITTI tree.

    Args:
        tree: labels and images.
        out_dir: made; must not exist.
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
    with whole_folder(_new(out_dir)) as folder:
        for name, frame_ids in splits.items():
            (folder / "labels" / name).mkdir(parents=True)
            for frame_id in frame_ids:
                lines, lost_here = yolo_lines(load_frame(tree, frame_id), table)
                lost.update(lost_here)
                objects += len(lines)
                _write(folder / "labels" / name / f"{frame_id}.txt", "".join(line + "\n" for line in lines))
                source = tree.image_path(frame_id)
                _place(source, folder / "images" / name / source.name, images)
        _write(folder / "data.yaml", dataset_yaml(table, tuple(splits)))
    return _said("yolo", Conversion(out_dir, sum(map(len, splits.values())), objects, dict(lost)))


def coco_to_tree(
    annotations: Path, images_dir: Path | None, out_dir: Path, *, class_map: Mapping[str, str], images: ImageMode
) -> Conversion:
    """Write ``training/label_2`` (and ``image_2``) of a COCO document.

    Frames keep their number where every image is named by one; else they are numbered by file name, and
    ``frames.csv`` says which is which. Images that are not PNG are rewritten as PNG, which takes ``images="copy"``.

    Args:
        annotations: the COCO JSON file.
        images_dir: what its file names are relative to; None leaves the images out.
        out_dir: made; must not exist.
        class_map: COCO category name -> KITTI type.
        images: link to them, copy them, or leave them out.

    Raises:
        DatasetContractError: if ``out_dir`` exists, the document is not COCO, or an image is missing.
        LabelParseError: if an entry does not make a KITTI row.
    """
    document = read_json(annotations, error=DatasetContractError, advice="Expected a COCO document; name its file.")
    files, lost = from_coco(document, where=str(annotations), class_map=class_map)
    frame_ids = _frame_ids([f.file_name for f in files], where=annotations)
    with whole_folder(_new(out_dir)) as folder:
        labels = folder / "training" / "label_2"
        labels.mkdir(parents=True)
        for file, frame_id in zip(files, frame_ids, strict=True):
            _write(labels / f"{frame_id}.txt", file.text)
            if images_dir is not None and images != "none":
                _place_png(images_dir, file, folder / "training" / "image_2" / f"{frame_id}.png", images)
        rows = sorted(zip(frame_ids, (f.file_name for f in files), strict=True))
        with (folder / "frames.csv").open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([("frame_id", "file_name"), *rows])
    objects = sum(1 for file in files for line in file.text.splitlines() if line.strip())
    return _said("kitti", Conversion(out_dir, len(files), objects, dict(lost)))


def _frame_ids(names: Sequence[str], *, where: Path) -> list[str]:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DatasetContractError(f"{where}: {len(repeated)} images are listed more than once: {repeated[:5]}.")
    stems = [Path(name).stem for name in names]
    if all(stem.isascii() and stem.isdigit() for stem in stems):
        numbers = [f"{int(stem):06d}" for stem in stems]
        if len(set(numbers)) == len(numbers):
            return numbers
    order = {name: position for position, name in enumerate(sorted(names))}
    return [f"{order[name]:06d}" for name in names]


def _place_png(images_dir: Path, file: LabelledFile, target: Path, mode: ImageMode) -> None:
    source = images_dir / file.file_name
    if source.suffix.lower() == ".png":
        _place(source, target, mode)
        return
    if mode == "link":
        raise DatasetContractError(f"{source}: not a PNG, which KITTI trees hold. Use --images copy to rewrite it.")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with Image.open(source) as picture:
            picture.convert("RGB").save(target)
    except OSError as error:
        raise DatasetContractError(f"{source}: cannot be read as an image: {error}.") from error


def _place(source: Path, target: Path, mode: ImageMode) -> None:
    if mode == "none":
        return
    if not source.is_file():
        raise DatasetContractError(f"{source}: the image is missing. Use --images none to convert labels alone.")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return  # the same frame in two splits
    if mode == "link":
        target.symlink_to(source.resolve())
    else:
        shutil.copyfile(source, target)


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


def _new(out_dir: Path) -> Path:
    if out_dir.exists():
        raise DatasetContractError(f"{out_dir}: already exists. Choose another folder, or remove this one.")
    return out_dir


def _label_text(tree: KittiTree, frame_id: str) -> str:
    # Bytes, not text: universal newlines would swallow the CR of a CRLF file.
    return tree.label_path(frame_id).read_bytes().decode("utf-8")


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="")


def _said(target: str, result: Conversion) -> Conversion:
    log.info("convert to=%s frames=%d objects=%d folder=%s", target, result.frames, result.objects, result.path)
    for sentence, count in result.lost.items():
        log.warning("convert.lost to=%s count=%d what=%s", target, count, sentence)
    return result
