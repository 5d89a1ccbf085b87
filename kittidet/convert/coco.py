"""KITTI frames <-> a COCO JSON document, without loss: KITTI -> COCO -> KITTI gives the same bytes.

What COCO has no field for is kept in extra fields named ``kitti``, which COCO tools ignore. A box that another
tool has moved, added or removed takes precedence over what the extra fields say. Knows nothing about files.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from kittidet.classes import COCO_OF_KITTI, DONT_CARE, KITTI_TYPES, label_name
from kittidet.errors import DatasetContractError, LabelParseError
from kittidet.frame import Frame, KittiObject
from kittidet.kitti.labels import BYTE_ORDER_MARK, format_label_line, parse_label_line

LICENCE = {
    "id": 1,
    "name": "CC BY-NC-SA 3.0 (non-commercial)",
    "url": "https://creativecommons.org/licenses/by-nc-sa/3.0/",
}
# A COCO class becomes the first KITTI type that maps to it: car -> Car, not Van.
KITTI_OF_COCO = {coco: kitti for kitti, coco in reversed(list(COCO_OF_KITTI.items()))}
# Scores of what was converted are those of the document: no overlap changes by more than its last digits.
_DECIMALS = 6
_MOVED_PX = 0.005  # KITTI writes two decimals: a smaller difference is another tool's rounding


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """One image of a COCO document with its labels as KITTI rows.

    Attributes:
        file_name: as in the document, a relative path without ``..``.
        size_wh: pixels.
        text: the whole label file.
    """

    file_name: str
    size_wh: tuple[int, int]
    text: str


def to_coco(frames: Iterable[tuple[Frame, str]]) -> dict[str, Any]:
    """Return the COCO document of frames, each given with the exact text of its label file.

    Returns:
        ``images``, ``annotations`` (ids from 1) and ``categories`` (KITTI's types in order, then others).
        DontCare is no category: the regions are in ``images[i].kitti.dont_care``; those of one class are its crowds.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    pairs = list(frames)
    own = {item.about for frame, _ in pairs for item in frame.objects} - {*KITTI_TYPES, DONT_CARE}
    types = (*KITTI_TYPES, *sorted(own))
    numbers = _image_numbers([frame.frame_id for frame, _ in pairs])
    for (frame, text), image_id in zip(pairs, numbers, strict=True):
        extra: dict[str, Any] = {"frame_id": frame.frame_id, "dont_care": []}
        for row, item in enumerate(frame.objects):
            # The class of a region is that of the annotation.
            remembered = {"row": row, **{k: v for k, v in asdict(item).items() if k != "region_of"}}
            if item.about == DONT_CARE:
                extra["dont_care"].append(remembered)
                continue
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": types.index(item.about) + 1,
                    "bbox": _xywh(item.xyxy),
                    "area": round((item.xyxy[2] - item.xyxy[0]) * (item.xyxy[3] - item.xyxy[1]), 4),
                    "iscrowd": int(item.is_dont_care),
                    "kitti": remembered,
                }
            )
        if _text(frame.objects) != text:
            # Line endings, spaces or decimals differ from KITTI's own: the rows alone would not reproduce these bytes.
            extra["text"] = text
        width, height = frame.size_wh
        images.append(
            {
                "id": image_id,
                "file_name": frame.image_path.name,
                "width": width,
                "height": height,
                "license": LICENCE["id"],
                "kitti": extra,
            }
        )
    return {
        "info": {"description": "KITTI 2D object labels; the `kitti` fields hold what COCO has no field for"},
        "licenses": [LICENCE],
        "categories": [{"id": i, "name": name} for i, name in enumerate(types, start=1)],
        "images": images,
        "annotations": annotations,
    }


def from_coco(
    document: Mapping[str, Any], *, where: str, class_map: Mapping[str, str] | None
) -> tuple[list[LabelledFile], Counter[str]]:
    """Return the label files of a COCO document, and counts of what they cannot hold, by description.

    KITTI type names are kept, other category names go through ``class_map``; boxes marked ``iscrowd`` or ``ignore``
    become DontCare of their category, or, where that has no KITTI type, of all. Annotation ids are not used, so that
    one of 0, which COCO tools do not count, is as good as any.

    Args:
        document: the parsed JSON.
        where: its name in messages.
        class_map: COCO category name -> KITTI type; None keeps every category under its own name, in one word.

    Raises:
        DatasetContractError: if it is not a COCO document, gives an id twice, names an image or a category that it does
            not list, or a file name leads out of its folder.
        LabelParseError: if an entry does not make a KITTI row.
    """
    lost: Counter[str] = Counter()
    try:
        categories = {i: str(entry["name"]) for i, entry in _by_id(document, "categories", where).items()}
        by_image: dict[Any, list[Mapping[str, Any]]] = {i: [] for i in _by_id(document, "images", where)}
        for number, annotation in enumerate(document["annotations"]):
            for key, known in (("image_id", by_image), ("category_id", categories)):
                if annotation[key] not in known:
                    some = ", ".join(map(repr, list(known)[:3])) or "none"
                    raise DatasetContractError(
                        f"{where}: annotations[{number}]: {key} {annotation[key]!r} is not in the document, which has "
                        f"ids such as {some}. Correct it; an id is the same number, or the same text, in both places."
                    )
            if len(annotation.get("bbox", ())) != 4:
                raise DatasetContractError(
                    f"{where}: annotations[{number}]: expected bbox with left, top, width and height, got "
                    f"{annotation.get('bbox')!r}. Add the box that encloses the object, or remove the annotation."
                )
            by_image[annotation["image_id"]].append(annotation)
        files = [
            LabelledFile(
                _checked_name(image["file_name"], where),
                (int(image["width"]), int(image["height"])),
                _image_text(image, by_image[image["id"]], categories, class_map, lost),
            )
            for image in document["images"]
        ]
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise DatasetContractError(
            f"{where}: not a COCO detection document ({type(error).__name__}: {error}). Expected images (id, "
            "file_name, width, height), categories (id, name) and annotations (image_id, category_id, bbox of four)."
        ) from error
    return files, lost


def _by_id(document: Mapping[str, Any], kind: str, where: str) -> dict[Any, Mapping[str, Any]]:
    """Return the entries of ``images`` or ``categories`` by their ids, in the document's order."""
    found: dict[Any, Mapping[str, Any]] = {}
    for entry in document[kind]:
        if entry["id"] in found:
            raise DatasetContractError(
                f"{where}: {kind}: id {entry['id']!r} is given twice: it is not known whose the annotations are. "
                "Give each its own."
            )
        found[entry["id"]] = entry
    return found


def _image_text(
    image: Mapping[str, Any],
    annotations: Sequence[Mapping[str, Any]],
    categories: Mapping[Any, str],
    class_map: Mapping[str, str] | None,
    lost: Counter[str],
) -> str:
    extra = image.get("kitti", {})
    rows = [(int(item["row"]), _recalled(item)) for item in extra.get("dont_care", [])]
    for annotation in annotations:
        item = _object_of(annotation, categories[annotation["category_id"]], class_map, lost)
        if item is not None:
            # Boxes that another tool added have no row number: they come last, in document order.
            rows.append((int(annotation.get("kitti", {}).get("row", 1 << 30)), item))
    objects = tuple(item for _, item in sorted(rows, key=lambda pair: pair[0]))
    kept = extra.get("text")
    if isinstance(kept, str) and _parsed(kept) == objects:
        return kept
    text = _text(objects)
    for number, line in enumerate(text.splitlines(), start=1):
        parse_label_line(line, where=f"{image['file_name']}: box {number}", types=None)
    return text


def _object_of(
    annotation: Mapping[str, Any], category: str, class_map: Mapping[str, str] | None, lost: Counter[str]
) -> KittiObject | None:
    left, top, width, height = (float(value) for value in annotation["bbox"])
    xyxy = (left, top, left + width, top + height)
    is_region = bool(annotation.get("iscrowd") or annotation.get("ignore"))
    kind = label_name(category) if class_map is None or category in KITTI_TYPES else class_map.get(category)
    if kind is None and not is_region:
        lost[f"boxes of {category!r}, which has no KITTI type (assign one with --map '{category}=Type')"] += 1
        return None
    if round(xyxy[0], 2) >= round(xyxy[2], 2) or round(xyxy[1], 2) >= round(xyxy[3], 2):
        lost["boxes narrower or lower than a hundredth of a pixel"] += 1
        return None
    remembered = _recalled(annotation["kitti"]) if "kitti" in annotation else None
    if kind is not None and remembered is not None and remembered.is_dont_care == is_region:
        if max(abs(a - b) for a, b in zip(_xywh(remembered.xyxy), annotation["bbox"], strict=True)) <= _MOVED_PX:
            xyxy = remembered.xyxy
        return (
            replace(remembered, xyxy=xyxy, region_of=kind) if is_region else replace(remembered, xyxy=xyxy, type=kind)
        )
    if annotation.get("segmentation"):
        lost["segmentation masks, reduced to their boxes"] += 1
    if kind is None or is_region:
        return KittiObject.of_box(DONT_CARE, xyxy, region_of=kind)
    # Not 3, "unknown": an object of that state counts at no level of KITTI, so that nothing could be scored.
    return replace(KittiObject.of_box(kind, xyxy), truncated=0.0, occluded=0)


def _recalled(item: Mapping[str, Any]) -> KittiObject:
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in item.items() if key != "row"
    }
    return KittiObject(**fields)


def _parsed(text: str) -> tuple[KittiObject, ...] | None:
    """Return the rows of the original label text; None where it does not parse and only the boxes count."""
    try:
        lines = [line for line in text.removeprefix(BYTE_ORDER_MARK).splitlines() if line.strip()]
        return tuple(parse_label_line(line, where="kitti.text", types=None) for line in lines)
    except LabelParseError:
        return None


def _text(objects: Iterable[KittiObject]) -> str:
    return "".join(format_label_line(item, box_decimals=_DECIMALS) + "\n" for item in objects)


def _xywh(xyxy: Sequence[float]) -> list[float]:
    left, top, right, bottom = xyxy
    # Four decimals: KITTI has two, and float noise such as 86.95999999999998 is of no use.
    return [left, top, round(right - left, 4), round(bottom - top, 4)]


def _image_numbers(frame_ids: Sequence[str]) -> list[int]:
    if all(name.isascii() and name.isdigit() for name in frame_ids) and len(set(map(int, frame_ids))) == len(frame_ids):
        return [int(name) for name in frame_ids]
    return list(range(1, len(frame_ids) + 1))


def _checked_name(name: Any, where: str) -> str:
    path = PurePosixPath(str(name).replace("\\", "/"))
    if not path.name or path.is_absolute() or ".." in path.parts or ":" in str(name):
        raise DatasetContractError(f"{where}: image file name {name!r}: expected a relative path without '..'.")
    return path.as_posix()
