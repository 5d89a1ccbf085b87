"""Frames of a KITTI tree: an image's path and size with the rows of its label file; decodes no pixels."""

from kittidet.frame import Frame
from kittidet.kitti.labels import parse_label_file
from kittidet.kitti.png import read_png_size
from kittidet.kitti.tree import KittiTree


def load_frame(tree: KittiTree, frame_id: str) -> Frame:
    """Return a frame of a tree: its image's path and size, and every row of its label file.

    Raises:
        DatasetContractError: if the image is not a PNG.
        LabelParseError: if the label file has a wrong line.
    """
    image_path = tree.image_path(frame_id)
    objects = parse_label_file(tree.label_path(frame_id))
    return Frame(frame_id, image_path, read_png_size(image_path), tuple(objects))
