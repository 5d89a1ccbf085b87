"""Training images as the network sees them, with their boxes: what augmentation and labels come to, for the eye."""

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from kittidet.classes import DONT_CARE, ClassTable
from kittidet.config import ModelConfig
from kittidet.drawing import draw_frame, draw_gallery
from kittidet.files import whole_file
from kittidet.frame import KittiObject
from kittidet.model.scaling import variant_spec

_WIDTH, _QUALITY = 1600, 85
# Of a batch, in one image.
_MOST = 16


def draw_batch(batch: Mapping[str, Any], *, table: ClassTable, model: ModelConfig) -> Iterator[tuple[str, Image.Image]]:
    """Yield frame id and image, boxes drawn, of each image of a batch.

    Args:
        batch: of `data.pipeline`, as NumPy arrays.
        table: its classes.
        model: whose mean and deviation the pixels were normalised with.
    """
    spec = variant_spec(model.variant)
    for i, image in enumerate(batch["image"]):
        pixels = np.clip(np.rint(image * spec.pixel_std + spec.pixel_mean), 0, 255).astype(np.uint8)
        objects = [
            KittiObject.of_box(table.name_of(int(class_id)), _box(xyxy))
            for class_id, xyxy in zip(batch["class_ids"][i], batch["boxes_xyxy"][i], strict=True)
            if class_id > 0
        ]
        regions = [
            KittiObject.of_box(DONT_CARE, _box(xyxy)) for xyxy in batch["dont_care_xyxy"][i] if xyxy[2] > xyxy[0]
        ]
        drawn = draw_frame(Image.fromarray(pixels), objects=[*objects, *regions], table=table, min_score=0)
        yield batch["frame_id"][i].decode(), drawn


def _box(xyxy: Any) -> tuple[float, float, float, float]:
    left, top, right, bottom = map(float, xyxy)
    return left, top, right, bottom


def write_batches(folder: Path, batches: Any, *, table: ClassTable, model: ModelConfig) -> list[Path]:
    """Write ``train_batch0.jpg``, ``train_batch1.jpg``, ... of a data set of batches, and return them.

    Raises:
        RecordError: if a record is damaged, in TensorFlow's error; see `pipeline.plain_record_errors`.
    """
    paths = []
    for number, batch in enumerate(batches.as_numpy_iterator()):
        items = [item for item, _ in zip(draw_batch(batch, table=table, model=model), range(_MOST), strict=False)]
        paths.append(folder / f"train_batch{number}.jpg")
        write_jpeg(paths[-1], mosaic(items))
    return paths


def write_preview(folder: Path, batches: Any, *, table: ClassTable, model: ModelConfig, frames: int) -> list[Path]:
    """Write so many images of a data set of batches, one a file named by place and frame, and return them.

    Raises:
        RecordError: as in `write_batches`.
    """
    items = (i for batch in batches.as_numpy_iterator() for i in draw_batch(batch, table=table, model=model))
    paths = []
    for number, (frame_id, image) in zip(range(frames), items, strict=False):
        paths.append(folder / f"{number:03d}_{frame_id.replace('/', '_')}.jpg")
        write_jpeg(paths[-1], image)
    return paths


def mosaic(items: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Return captioned images in one, about as wide as high in images."""
    return draw_gallery(items, columns=min(4, math.ceil(math.sqrt(len(items)))), width=_WIDTH)


def jpeg_of(image: Image.Image) -> bytes:
    """Return an image as the bytes of a JPEG file."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def write_jpeg(path: Path, image: Image.Image) -> None:
    """Write an image as a JPEG file, which appears when it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as partial:
        partial.write_bytes(jpeg_of(image))
