"""Draws the first frames of TFRecords, ours and those of other writers, with their stored boxes; without TensorFlow."""

import io
from itertools import islice
from pathlib import Path

from PIL import Image

from kittidet.classes import DONT_CARE, ClassTable
from kittidet.drawing import draw_frame, draw_gallery
from kittidet.errors import RecordError
from kittidet.files import whole_file
from kittidet.frame import KittiObject
from kittidet.kitti.rgb import to_rgb
from kittidet.records.example import DONT_CARE_BOX, ENCODED, LABEL, OBJECT_BOX, SIDES, of_right_kind
from kittidet.records.images import IMAGE_ERRORS
from kittidet.records.inspect import frame_name, list_shards
from kittidet.records.message import Features, decode_example
from kittidet.records.reader import find_image
from kittidet.records.shard import read_records


def draw_grid(
    folder: Path,
    out_png: Path,
    *,
    images_dir: Path | None = None,
    frames: int = 12,
    columns: int = 3,
    width: int = 1800,
) -> None:
    """Write a PNG with the first frames of the records and their stored boxes.

    Args:
        folder: as in `inspect.inspect_records`.
        out_png: the image file; it appears only when it is complete.
        images_dir: the folder of the images, of records that refer to them.
        frames: how many.
        columns: images per row.
        width: of the whole grid, pixels.

    Raises:
        RecordError: if there are no such files, a record is damaged, or none holds an image that can be drawn.
    """
    payloads = ((path, payload) for path in list_shards(folder) for payload in read_records(path))
    pictures = []
    for number, (path, payload) in enumerate(islice(payloads, frames)):
        where = f"{path.name} record {number}"
        features = of_right_kind(decode_example(payload, where=where))
        encoded = find_image(features, images_dir)
        if encoded is None:
            raise RecordError(f"{where}: expected {ENCODED}, or the folder of the image it refers to, got neither.")
        try:
            with Image.open(io.BytesIO(encoded)) as image:
                pixels = Image.fromarray(to_rgb(image, turn=False))
        except (ValueError, SyntaxError, *IMAGE_ERRORS) as error:
            raise RecordError(f"{where}: {ENCODED} cannot be decoded: {error}. Write the records again.") from error
        objects = _pixel_objects(features, pixels.size)
        table = ClassTable(tuple(sorted({o.type for o in objects})) or (DONT_CARE,))
        picture = draw_frame(pixels, objects=objects, table=table, min_score=0)
        num_boxes = sum(not o.is_dont_care for o in objects)
        pictures.append((f"{frame_name(features)}  {num_boxes} objects", picture))
    if not pictures:
        raise RecordError(f"{folder}: expected one or more records, got 0. Write the records again.")
    try:
        out_png.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(out_png) as partial:
            draw_gallery(pictures, columns=columns, width=width).save(partial, format="PNG")
    except OSError as error:
        raise RecordError(f"{out_png}: cannot write the image: {error.strerror or error}.") from error


def _pixel_objects(features: Features, size_wh: tuple[int, int]) -> list[KittiObject]:
    """Return the stored boxes in pixels, as label rows that `drawing` can draw."""
    labels = features.get(LABEL, ("", []))[1]
    texts = [text.decode(errors="replace") for text in features.get("image/object/class/text", ("", []))[1]]
    names = texts if len(texts) == len(labels) else [f"label {label}" for label in labels]
    objects = []
    for prefix, types in ((OBJECT_BOX, names), (DONT_CARE_BOX, None)):
        boxes = list(zip(*(features.get(prefix + side, ("", []))[1] for side in SIDES), strict=False))
        for name, box in zip(types or [DONT_CARE] * len(boxes), boxes, strict=False):
            # A wrong box, such as one in pixels, is seen to leave the image; how far does not matter.
            inside = (min(2.0, max(-1.0, side)) for side in box)
            left, top, right, bottom = (side * extent for side, extent in zip(inside, size_wh * 2, strict=True))
            objects.append(KittiObject.of_box(name, (left, top, right, bottom)))
    return objects
