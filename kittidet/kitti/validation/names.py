"""The contract for file names in a KITTI tree: six digits, each number once, images and label files in pairs."""

import re
from collections.abc import Iterator

from kittidet.kitti.tree import IMAGE_DIR, IMAGE_SUFFIX, LABEL_DIR, LABEL_SUFFIX, KittiTree
from kittidet.kitti.validation.findings import Finding

_FRAME_ID = re.compile(r"[0-9]{6}")


def find_name_faults(tree: KittiTree) -> Iterator[Finding]:
    """Yield every name that is not a frame's, every number used twice, and every file without its counterpart."""
    by_number: dict[int, str] = {}
    for frame_id in sorted(tree.image_ids | tree.label_ids):
        folder, suffix = (IMAGE_DIR, IMAGE_SUFFIX) if frame_id in tree.image_ids else (LABEL_DIR, LABEL_SUFFIX)
        file = f"{folder}/{frame_id}{suffix}"
        if not _FRAME_ID.fullmatch(frame_id):
            yield Finding(
                *(frame_id, file, 0, "frame_name", "error"),
                f"{file}: expected a name of six digits, got {frame_id!r}. Rename both the image and the label file.",
            )
        if frame_id.isascii() and frame_id.isdigit():
            first = by_number.setdefault(int(frame_id), frame_id)
            if first != frame_id:
                yield Finding(
                    *(frame_id, file, 0, "frame_unique", "error"),
                    f"{file}: expected each frame number once, got {int(frame_id)} in {first!r} too. "
                    "Remove one of them.",
                )
    for frame_id in tree.without_image:
        file = f"{LABEL_DIR}/{frame_id}{LABEL_SUFFIX}"
        yield Finding(
            *(frame_id, file, 0, "image_present", "error"),
            f"{file}: expected {IMAGE_DIR}/{frame_id}{IMAGE_SUFFIX} beside it, got no such file. "
            "Re-extract data_object_image_2.zip.",
        )
    for frame_id in tree.without_label:
        file = f"{IMAGE_DIR}/{frame_id}{IMAGE_SUFFIX}"
        yield Finding(
            *(frame_id, file, 0, "label_present", "error"),
            f"{file}: expected {LABEL_DIR}/{frame_id}{LABEL_SUFFIX} beside it, got no such file. "
            "Re-extract data_object_label_2.zip.",
        )
    for file in tree.strays:
        yield Finding(
            *("", file, 0, "file_kind", "warning"),
            f"{file}: expected {IMAGE_SUFFIX} in {IMAGE_DIR} and {LABEL_SUFFIX} in {LABEL_DIR}, got another file. "
            "It is ignored.",
        )
