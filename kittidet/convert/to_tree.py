"""Labelled images of other formats -> a KITTI tree, with the lists of their split where they have one.

The output folder is complete or absent, and never overwritten.
"""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kittidet.convert.coco import from_coco
from kittidet.convert.output import Conversion, ImageMode, free_folder, log_conversion, look_at, place_upright
from kittidet.convert.output import write_exactly as write
from kittidet.convert.yolo_reading import read_yolo, rows_of
from kittidet.errors import DatasetContractError
from kittidet.files import read_json, whole_folder
from kittidet.kitti.lists import SPLIT_DIR, write_ids


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One image with its labels as KITTI rows.

    Attributes:
        name: of its file, with folders where the data set has some; no other has it.
        path: the image file; None where the images are not at hand.
        text: the whole label file.
        split: the part of the data set that it belongs to, empty where there are no parts.
    """

    name: str
    path: Path | None
    text: str
    split: str = ""


@dataclass(frozen=True, slots=True)
class LabelledImages:
    """A data set of another format.

    Attributes:
        images: in the data set's order.
        lost: what KITTI rows cannot hold: description -> how many.
    """

    images: tuple[LabelledImage, ...]
    lost: Mapping[str, int]


def coco_images(
    documents: Mapping[str, tuple[Path, Path | None]], *, class_map: Mapping[str, str] | None
) -> LabelledImages:
    """Return the images of COCO documents.

    Args:
        documents: split (empty for the only one) -> the JSON file, and the folder that its file names are relative to.
        class_map: COCO category name -> KITTI type; None keeps every category under its own name.

    Raises:
        DatasetContractError: if a file is no COCO document, or an image has another size than it says.
        LabelParseError: if an entry does not make a KITTI row.
    """
    found: list[LabelledImage] = []
    lost: Counter[str] = Counter()
    for split, (annotations, images_dir) in documents.items():
        advice = "Expected a COCO document; name its file."
        document = read_json(annotations, error=DatasetContractError, advice=advice)
        files, lost_here = from_coco(document, where=str(annotations), class_map=class_map)
        lost.update(lost_here)
        for file in files:
            path = None if images_dir is None else images_dir / file.file_name
            if path is not None and path.is_file() and (size := look_at(path).size_wh) != file.size_wh:
                raise DatasetContractError(
                    f"{annotations}: {file.file_name} is {file.size_wh[0]}x{file.size_wh[1]} px there, but upright the "
                    f"image {path} has {size[0]}x{size[1]} px: its boxes would be wrong. Name the images that were "
                    "labelled, or correct the document."
                )
            found.append(LabelledImage(f"{split}/{file.file_name}".lstrip("/"), path, file.text, split))
    return LabelledImages(tuple(found), lost)


def yolo_images(data_yaml: Path) -> LabelledImages:
    """Return the images of a YOLO data set; an image without a label file shows no object.

    Raises:
        DatasetContractError: if the file describes no data set, or an image or a row is wrong.
        ConfigError: if it names what is not in an allowed folder of this machine.
    """
    lost: Counter[str] = Counter()
    data = read_yolo(data_yaml)
    found = []
    for split, images in data.images.items():
        for name, image, labels in images:
            size = look_at(image).size_wh
            text = rows_of(labels, size, data.names, lost, has_keypoints=data.has_keypoints)
            found.append(LabelledImage(f"{split}/{name}", image, text, split))
    return LabelledImages(tuple(found), lost)


def coco_to_tree(
    annotations: Path, images_dir: Path | None, out_dir: Path, *, class_map: Mapping[str, str], images: ImageMode
) -> Conversion:
    """Write a COCO document as a KITTI tree.

    Args:
        annotations: the COCO JSON file.
        images_dir: the folder its file names are relative to; None leaves the images out.
        out_dir: created; must not exist.
        class_map: COCO category name -> KITTI type.
        images: link to them, copy them (what is no upright PNG or JPEG is rewritten), or leave them out.

    Raises:
        DatasetContractError: if ``out_dir`` exists, the document is not COCO, or an image is missing, cannot be linked
            or has another size than the document says.
        LabelParseError: if an entry does not make a KITTI row.
    """
    free_folder(out_dir)
    return write_tree(coco_images({"": (annotations, images_dir)}, class_map=class_map), out_dir, images=images)


def write_tree(data: LabelledImages, out_dir: Path, *, images: ImageMode) -> Conversion:
    """Write ``training/label_2``, ``training/image_2``, ``frames.csv`` and, with splits, ``ImageSets/``.

    Frames have the stems of their images as ids where no two are the same, else their paths in one word, else numbers;
    ``frames.csv`` lists which is which.

    Raises:
        DatasetContractError: if ``out_dir`` exists, or an image is listed twice, missing, damaged or cannot be linked.
    """
    frame_ids = _frame_ids([image.name for image in data.images])
    with whole_folder(free_folder(out_dir)) as folder:
        labels = folder / "training" / "label_2"
        labels.mkdir(parents=True)
        for image, frame_id in zip(data.images, frame_ids, strict=True):
            write(labels / f"{frame_id}.txt", image.text)
            if image.path is not None:
                place_upright(image.path, folder / "training" / "image_2" / frame_id, images)
        rows = sorted(zip(frame_ids, (image.name for image in data.images), strict=True))
        with (folder / "frames.csv").open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([("frame_id", "file_name"), *rows])
        for split in dict.fromkeys(image.split for image in data.images if image.split):
            (folder / SPLIT_DIR).mkdir(exist_ok=True)
            members = [i for image, i in zip(data.images, frame_ids, strict=True) if image.split == split]
            write_ids(folder / SPLIT_DIR / f"{split}.txt", members)
    objects = sum(1 for image in data.images for line in image.text.splitlines() if line.strip())
    return log_conversion("kitti", Conversion(out_dir, len(data.images), objects, dict(data.lost)))


def _frame_ids(names: Sequence[str]) -> list[str]:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DatasetContractError(f"{len(repeated)} images are listed more than once: {repeated[:5]}.")
    stems = [name.rpartition("/")[2].rpartition(".")[0].strip() for name in names]
    paths = ["-".join(name.rpartition(".")[0].split("/")) for name in names]
    order = {name: position for position, name in enumerate(sorted(names))}
    numbers = [f"{order[name]:06d}" for name in names]
    # Files whose names begin with a dot are no frames.
    return next(
        ids for ids in (stems, paths, numbers) if len(set(ids)) == len(ids) and all(i and i[0] != "." for i in ids)
    )
