"""The contract for images of a KITTI tree: complete PNGs and JPEGs of plausible size that decode, if requested."""

import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from kittidet.batches import run_batches
from kittidet.config import MAX_SIDE_PX, ValidateConfig
from kittidet.errors import DatasetContractError
from kittidet.kitti.image_file import ImageHeader, check_image_bytes, find_size_problem, image_format, read_image_bytes
from kittidet.kitti.tree import KittiTree
from kittidet.kitti.validation.findings import Finding
from kittidet.kitti.validation.pixels import check_pixels, read_orientation

log = logging.getLogger(__name__)

_Size = tuple[int, int]
_Image = tuple[str, Path, str]  # frame id, path, name in the tree
_Checked = tuple[_Size | None, list[Finding]]
# A second or two of work for an executor; a few messages for all of KITTI.
_IMAGES_A_BATCH = 128


@dataclass(frozen=True, slots=True)
class _ImageBatch:
    """Images that an executor checks as one."""

    images: tuple[_Image, ...]
    config: ValidateConfig


def find_image_faults(
    tree: KittiTree, *, config: ValidateConfig, executor: Executor | None = None
) -> tuple[dict[str, _Size], list[Finding]]:
    """Return the size of every image with a readable header, by frame id, and every fault of every image.

    Reading, checksums and decoding release the interpreter lock, so threads use every core; each holds one image.

    Args:
        tree: whose images.
        config: tolerances, and whether every image is decoded.
        executor: checks batches of images in place of those threads; its processes must see the tree.

    Raises:
        DatasetContractError: if the system cannot read a file, which says nothing about its content.
        WorkerError: if the executor is gone.
    """
    images = [(i, tree.image_path(i), tree.image_file(i)) for i in sorted(tree.image_ids)]
    sizes: dict[str, _Size] = {}
    findings: list[Finding] = []
    for (frame_id, *_), (size_wh, found) in zip(images, _check_all(images, config, executor), strict=True):
        findings += found
        if size_wh is not None:
            sizes[frame_id] = size_wh
    log.info("validate.images files=%d pixels=%s findings=%d", len(images), config.check_pixels, len(findings))
    return sizes, findings


def _check_all(images: Sequence[_Image], config: ValidateConfig, executor: Executor | None) -> Iterator[_Checked]:
    """Yield what is found of each image, in their order."""
    if executor is None:
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            yield from pool.map(lambda image: _check_image(image, config), images)
        return
    starts = range(0, len(images), _IMAGES_A_BATCH)
    batches = [_ImageBatch(tuple(images[start : start + _IMAGES_A_BATCH]), config) for start in starts]
    checked = dict(run_batches(_check_batch, batches, executor, doing="checking images"))
    yield from chain.from_iterable(checked[place] for place in range(len(batches)))


def _check_batch(batch: _ImageBatch) -> list[_Checked]:
    return [_check_image(image, batch.config) for image in batch.images]


def _check_image(image: _Image, config: ValidateConfig) -> _Checked:
    frame_id, path, file = image
    data = b""
    try:
        data = read_image_bytes(path)
        header = check_image_bytes(data, where=file)
    except DatasetContractError as error:
        if isinstance(error.__cause__, OSError):
            # A problem of the disk, not the data: it may pass, while a finding would be kept with the data's digest.
            raise
        return None, [Finding(frame_id, file, 0, f"image_{image_format(data)}", "error", str(error))]
    return header.size_wh, list(_judge(data, header, frame_id, file, config))


def _judge(data: bytes, header: ImageHeader, frame_id: str, file: str, config: ValidateConfig) -> Iterator[Finding]:
    if problem := find_size_problem(header.size_wh, config.side_px):
        # Such an image never reaches a decoder: a small file may declare enough pixels to fill the memory.
        too_long = max(header.size_wh) > MAX_SIDE_PX
        advice = "Scale it down with its labels" if too_long else "Change the setting `validation.side_px`"
        yield Finding(
            *(frame_id, file, 0, "image_size", "error"),
            f"{file}: {problem}. {advice}, or copy the image again if that is not its size.",
        )
        return
    if not header.is_rgb8:
        yield Finding(
            *(frame_id, file, 0, "image_kind", "warning"),
            f"{file}: expected 8-bit RGB, got {header.kind}. It is converted to 8-bit RGB when it is read.",
        )
    orientation = read_orientation(data)
    if orientation != 1:
        yield Finding(
            *(frame_id, file, 0, "image_orientation", "error"),
            f"{file}: expected pixels that lie upright, got EXIF orientation {orientation}: its labels may be of the "
            "turned image or of the one as stored. Turn the pixels to match the labels and remove the tag.",
        )
    if config.check_pixels:
        try:
            check_pixels(data, header, where=file)
        except DatasetContractError as error:
            yield Finding(frame_id, file, 0, "image_pixels", "error", str(error))
