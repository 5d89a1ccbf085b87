"""The contract for file names in a KITTI tree: plain names, one image a frame, images and label files in pairs."""

from collections.abc import Iterator

from kittidet.kitti.tree import IMAGE_SUFFIXES, LABEL_SUFFIX, KittiTree
from kittidet.kitti.validation.findings import Finding


def find_name_faults(tree: KittiTree) -> Iterator[Finding]:
    """Yield every name that no list of frames can hold, every second image, and every file without its counterpart."""
    for frame_id in sorted(tree.image_ids | tree.label_ids):
        # Frames are listed one a line, in UTF-8.
        if frame_id != frame_id.strip() or not frame_id.isprintable():
            file = tree.image_file(frame_id) if frame_id in tree.image_ids else tree.label_file(frame_id)
            yield Finding(
                *(frame_id, file, 0, "frame_name", "error"),
                f"{file!r}: expected a name of printable characters without spaces at its ends. "
                "Rename both the image and the label file.",
            )
    for file in tree.second_images:
        used = tree.image_file(file.partition("/")[2].rpartition(".")[0])
        yield Finding(
            *(used.partition("/")[2].rpartition(".")[0], file, 0, "frame_unique", "error"),
            f"{file}: expected one image a frame, got {used} too. Remove one of them.",
        )
    for frame_id in tree.without_image:
        file = tree.label_file(frame_id)
        yield Finding(
            *(frame_id, file, 0, "image_present", "error"),
            f"{file}: expected an image {tree.image_dir}/{frame_id} ({', '.join(IMAGE_SUFFIXES)}) beside it, got no "
            "such file. Copy it there, or re-extract data_object_image_2.zip.",
        )
    for frame_id in tree.without_label:
        file = tree.image_file(frame_id)
        yield Finding(
            *(frame_id, file, 0, "label_present", "error"),
            f"{file}: expected {tree.label_file(frame_id)} beside it, got no such file. Copy it there (an empty file "
            "where the image shows no object), or re-extract data_object_label_2.zip.",
        )
    for file in tree.strays:
        yield Finding(
            *("", file, 0, "file_kind", "warning"),
            f"{file}: expected {', '.join(IMAGE_SUFFIXES)} in {tree.image_dir} and {LABEL_SUFFIX} in "
            f"{tree.label_dir}, got another file. It is ignored.",
        )
