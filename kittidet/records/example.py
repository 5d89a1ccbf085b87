"""The feature schema of a record, defined once: a labelled frame <-> the features of one Example.

Boxes are normalised 0..1 here and only here: every public reader of these keys expects that. Pixel values instead
would parse without complaint and train nothing, so any value outside is refused before it is written.

Source:
    google/automl efficientdet/dataloader.py and TensorFlow Object Detection API tf_example_decoder.py: the
    ``image/*`` and ``image/object/*`` keys and their types. ``kitti`` and ``dont_care`` keys are this project's.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from kittidet.boxes import clip_xyxy
from kittidet.classes import DONT_CARE, ClassTable
from kittidet.errors import RecordError
from kittidet.frame import Frame, KittiObject
from kittidet.records.message import FeatureValue

SIDES = ("xmin", "ymin", "xmax", "ymax")  # in xyxy order
OBJECT_BOX = "image/object/bbox/"
DONT_CARE_BOX = "image/dont_care/bbox/"
# 1-based id of the only class that a region is of, 0: of all. Absent where all regions of a frame are of all classes.
REGION_LABEL = "image/dont_care/class/label"
LABEL = "image/object/class/label"
FRAME_ID = "image/kitti/frame_id"
ENCODED = "image/encoded"  # the PNG or JPEG file as it is
# In its place, where records refer to the images of a data set: what the file has to be.
FILENAME, SHA256, CRC32C = "image/filename", "image/key/sha256", "image/kitti/crc32c"

_PER_OBJECT = {
    **{OBJECT_BOX + side: "float" for side in SIDES},  # 0..1
    LABEL: "int64",  # 1-based id of the class table
    "image/object/class/text": "bytes",
    "image/object/area": "float",  # square pixels, as in COCO
    "image/object/is_crowd": "int64",  # 0: KITTI has no crowds
    "image/object/difficult": "int64",  # 0: KITTI derives its levels from the values below
    "image/object/truncated": "int64",  # 1 if the object extends beyond the image: readers expect a flag
    "image/object/kitti/type": "bytes",  # before the class table merges it
    "image/object/kitti/truncated": "float",  # KITTI's share outside the image, 0..1
    "image/object/kitti/occluded": "int64",
    "image/object/kitti/alpha": "float",  # radians
    **{f"image/object/kitti/dimensions/{axis}": "float" for axis in ("height", "width", "length")},  # metres
    **{f"image/object/kitti/location/{axis}": "float" for axis in "xyz"},  # metres, camera
    "image/object/kitti/rotation_y": "float",  # radians
}
_PER_DONT_CARE = {**{DONT_CARE_BOX + side: "float" for side in SIDES}, REGION_LABEL: "int64"}
_PER_IMAGE = {
    ENCODED: "bytes",
    "image/format": "bytes",
    "image/width": "int64",
    "image/height": "int64",
    FILENAME: "bytes",
    SHA256: "bytes",  # hex digits
    CRC32C: "int64",
    "image/source_id": "bytes",  # a number as text: google/automl parses it
    FRAME_ID: "bytes",
}
SCHEMA: Mapping[str, str] = MappingProxyType({**_PER_IMAGE, **_PER_OBJECT, **_PER_DONT_CARE})

# google/automl casts ids to float32, which distinguishes whole numbers only below this.
MAX_SOURCE_ID = 2**24


def source_ids(frame_ids: Sequence[str]) -> list[int]:
    """Return the number that each frame has for readers, which parse ``image/source_id`` as one.

    The frames' own numbers (``000123`` -> 123), where all ids are different numbers below ``MAX_SOURCE_ID``; else
    their places in the list, from 1.
    """
    if all(frame_id.isascii() and frame_id.isdigit() for frame_id in frame_ids):
        numbers = [int(frame_id) for frame_id in frame_ids]
        if len(set(numbers)) == len(numbers) and max(numbers, default=0) < MAX_SOURCE_ID:
            return numbers
    return list(range(1, len(frame_ids) + 1))


def frame_features(
    frame: Frame,
    table: ClassTable,
    *,
    source_id: int,
    image_format: str,
    edge_tolerance_px: float,
    neutral: Mapping[str, str] | None = None,
) -> dict[str, tuple[str, FeatureValue]]:
    """Return the features of a frame, name -> (kind, values), except the image, which the writer adds.

    Objects of types that the table leaves out are not written; DontCare regions go under their own keys.

    Args:
        frame: the labelled frame, boxes in pixels of the original image.
        table: decides labels and names.
        source_id: of `source_ids`.
        image_format: ``png`` or ``jpeg``.
        edge_tolerance_px: how far a box may extend beyond the image; it is clipped to the edge.
        neutral: type -> class of the table that its boxes are regions of.

    Raises:
        RecordError: naming the object, if a box lies further outside or is empty, or a number is not finite.
    """
    where = f"frame {frame.frame_id}"
    known = [(o, class_id) for o in frame.objects if (class_id := table.id_of(o.type)) is not None]
    objects = [o for o, _ in known]
    class_ids = [class_id for _, class_id in known]
    boxes = _normalised(objects, frame.size_wh, edge_tolerance_px, where)
    regions = ignored_regions(frame, table, neutral or {})
    dont_care = _normalised([o for o, _ in regions], frame.size_wh, edge_tolerance_px, where)
    width, height = frame.size_wh
    values: dict[str, FeatureValue] = {
        "image/format": [image_format.encode()],
        "image/width": [width],
        "image/height": [height],
        FILENAME: [frame.image_path.name.encode()],
        "image/source_id": [str(source_id).encode()],
        FRAME_ID: [frame.frame_id.encode()],
        LABEL: class_ids,
        "image/object/class/text": [table.name_of(class_id).encode() for class_id in class_ids],
        "image/object/area": ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) * width * height).tolist(),
        "image/object/is_crowd": [0] * len(objects),
        "image/object/difficult": [0] * len(objects),
        "image/object/truncated": [int(o.truncated > 0) for o in objects],
        "image/object/kitti/type": [o.type.encode() for o in objects],
        "image/object/kitti/truncated": [o.truncated for o in objects],
        "image/object/kitti/occluded": [o.occluded for o in objects],
        "image/object/kitti/alpha": [o.alpha for o in objects],
        "image/object/kitti/rotation_y": [o.rotation_y for o in objects],
    }
    for side, name in enumerate(SIDES):
        values[OBJECT_BOX + name] = boxes[:, side].tolist()
        values[DONT_CARE_BOX + name] = dont_care[:, side].tolist()
    if any(class_id for _, class_id in regions):
        values[REGION_LABEL] = [class_id for _, class_id in regions]
    for axis, name in enumerate(("height", "width", "length")):
        values[f"image/object/kitti/dimensions/{name}"] = [o.dimensions_hwl[axis] for o in objects]
    for axis, name in enumerate("xyz"):
        values[f"image/object/kitti/location/{name}"] = [o.location_xyz[axis] for o in objects]
    features = {name: (kind, values[name]) for name, kind in SCHEMA.items() if name in values}
    problems = feature_problems(features, num_classes=len(table))
    if problems:
        raise RecordError(f"{where}: {'; '.join(problems)}. Correct the label file or set the frame aside.")
    return features


def ignored_regions(frame: Frame, table: ClassTable, neutral: Mapping[str, str]) -> list[tuple[KittiObject, int]]:
    """Return what training passes over in a frame, with the id of the only class for which it does, 0: for all.

    Args:
        frame: the labelled frame.
        table: its classes.
        neutral: type -> class of the table whose detections are not false there, as KITTI AP has it for Van and Car.
    """
    found = [(o, 0 if o.about == DONT_CARE else table.id_of(o.about)) for o in frame.objects if o.is_dont_care]
    found += [(o, table.id_of(neutral[o.about])) for o in frame.objects if o.about in neutral]
    return [(item, class_id) for item, class_id in found if class_id is not None]


def of_right_kind(features: Mapping[str, tuple[str, Sequence[Any]]]) -> dict[str, tuple[str, Any]]:
    """Return the features without standard ones whose values are of another kind than their key has."""
    return {n: (kind, values) for n, (kind, values) in features.items() if not values or SCHEMA.get(n, kind) == kind}


def feature_problems(features: Mapping[str, tuple[str, Sequence[Any]]], *, num_classes: int | None) -> list[str]:
    """Return the faults of kinds, boxes and labels, one line each; empty if a reader can rely on them.

    Args:
        features: of any Example with the standard keys, from us or another writer.
        num_classes: length of the class table; None where it is not known.
    """
    good = of_right_kind(features)
    found = [f"{n}: expected {SCHEMA[n]} values, got {kind}" for n, (kind, _) in features.items() if n not in good]
    features = good
    for prefix in (OBJECT_BOX, DONT_CARE_BOX):
        sides = [list(features.get(prefix + side, ("float", ()))[1]) for side in SIDES]
        if len({len(side) for side in sides}) > 1:
            found.append(
                f"{prefix}*: expected the same number of values for each side, got {[len(side) for side in sides]}"
            )
            continue
        for row, box in enumerate(zip(*sides, strict=True)):
            problem = _box_problem(box)
            if problem:
                found.append(f"{prefix}* of object {row}: {problem}, got {tuple(round(v, 6) for v in box)}")
    labels = list(features.get(LABEL, ("int64", ()))[1])
    highest = math.inf if num_classes is None else num_classes
    found += [
        f"{LABEL} of object {row}: expected 1..{'' if num_classes is None else num_classes}, got {label}"
        for row, label in enumerate(labels)
        if not 1 <= label <= highest
    ]
    num_boxes = len(features.get(OBJECT_BOX + SIDES[0], ("float", ()))[1])
    if len(labels) != num_boxes:
        found.append(f"{LABEL}: expected {num_boxes} values, one per box, got {len(labels)}")
    regions = list(features.get(REGION_LABEL, ("int64", ()))[1])
    num_regions = len(features.get(DONT_CARE_BOX + SIDES[0], ("float", ()))[1])
    if regions and (len(regions) != num_regions or not all(0 <= label <= highest for label in regions)):
        found.append(f"{REGION_LABEL}: expected {num_regions} values, one per region, 0..{highest}, got {regions}")
    found += [
        f"{name}: expected finite numbers, got {list(values)}"
        for name, (kind, values) in features.items()
        if kind == "float" and "/bbox/" not in name and not all(map(math.isfinite, values))
    ]
    return found


def _box_problem(box: tuple[float, ...]) -> str | None:
    if not all(0 <= side <= 1 for side in box):  # False for NaN too
        return "expected sides in 0..1"
    if box[0] >= box[2] or box[1] >= box[3]:
        return "expected xmin < xmax and ymin < ymax"
    return None


def _normalised(
    objects: Sequence[KittiObject], size_wh: tuple[int, int], tolerance_px: float, where: str
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Return ``[n, 4]`` float32 xyxy, 0..1."""
    width, height = size_wh
    boxes = np.array([o.xyxy for o in objects], dtype=np.float64).reshape(-1, 4)
    clipped = clip_xyxy(boxes, size_wh)
    for obj, box, inside in zip(objects, boxes, clipped, strict=True):
        if not np.abs(box - inside).max() <= tolerance_px:
            raise RecordError(
                f"{where}: {obj.type} {tuple(box.tolist())}: expected a box inside the image of {width}x{height}, "
                f"{tolerance_px} px of tolerance. Correct the label file or set the frame aside."
            )
    return (clipped / [width, height, width, height]).astype(np.float32)
