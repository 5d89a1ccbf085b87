"""What drift is measured on: of each frame its size, brightness, and the classes and heights of its objects.

Small enough to be kept with a version, so that new data can be held against a champion whose data are gone.
"""

import hashlib
import os
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from PIL import Image

from kittidet.classes import ClassTable
from kittidet.errors import DatasetContractError
from kittidet.files import digest_of
from kittidet.kitti.frames import load_frame
from kittidet.kitti.rgb import to_rgb
from kittidet.kitti.tree import KittiTree

# Decoding takes 12 ms a frame of one core; shares of 2,000 frames are known to a per cent.
SAMPLE = 2000


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """One frame.

    Attributes:
        size_wh: of the image, pixels.
        brightness: mean of its luma, 0..255.
        classes: of each object, merged as the class table says; DontCare left out.
        heights: of each object's box, pixels of the original image.
    """

    size_wh: tuple[int, int]
    brightness: float
    classes: tuple[str, ...]
    heights: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """A set of frames.

    Attributes:
        contents: what tells each frame from others, by its image's and label's bytes; of every frame.
        frames: the facts of as many as were measured, drawn by their ids.
    """

    contents: frozenset[str]
    frames: tuple[FrameFacts, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return {"contents": sorted(self.contents), "frames": [asdict(frame) for frame in self.frames]}

    @classmethod
    def from_json(cls, content: Any) -> "Profile":
        """Return what `to_json` gave.

        Raises:
            KeyError, TypeError: if it is not that.
        """
        frames = tuple(
            FrameFacts((f["size_wh"][0], f["size_wh"][1]), f["brightness"], tuple(f["classes"]), tuple(f["heights"]))
            for f in content["frames"]
        )
        return cls(frozenset(content["contents"]), frames)


def frame_contents(tree: KittiTree, frame_ids: Sequence[str]) -> dict[str, str]:
    """Return for each frame what tells it from others, by its image's and label's bytes."""
    digests = tree.inventory()
    return {i: digest_of([digests[tree.image_file(i)], digests[tree.label_file(i)]])[:16] for i in frame_ids}


def measure_profile(
    tree: KittiTree, frame_ids: Sequence[str], table: ClassTable, *, known: Collection[str] = frozenset()
) -> Profile:
    """Return the profile of those frames whose content is not among the ``known``.

    Raises:
        DatasetContractError, LabelParseError: if a frame cannot be read.
    """
    contents = {i: content for i, content in frame_contents(tree, frame_ids).items() if content not in known}
    drawn = sorted(contents, key=lambda i: hashlib.sha256(i.encode()).digest())[:SAMPLE]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        frames = tuple(pool.map(lambda i: _measure(tree, i, table), drawn))
    return Profile(frozenset(contents.values()), frames)


def _measure(tree: KittiTree, frame_id: str, table: ClassTable) -> FrameFacts:
    frame = load_frame(tree, frame_id, table)
    boxes, ids = frame.labelled(table)
    try:
        with Image.open(frame.image_path) as image:
            brightness = float(np.asarray(Image.fromarray(to_rgb(image)).convert("L")).mean())
    except (OSError, SyntaxError, ValueError) as error:
        raise DatasetContractError(f"{frame.image_path}: cannot decode the image to measure it: {error}.") from error
    return FrameFacts(
        frame.size_wh,
        round(brightness, 2),
        tuple(table.name_of(int(i)) for i in ids),
        tuple(round(float(h), 2) for h in boxes[:, 3] - boxes[:, 1]),
    )
