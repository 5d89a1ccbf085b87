"""Drawn data: KITTI-shaped road scenes with exact labels, from a seed.

``draw_dataset`` writes a whole set in KITTI's layout; ``draw_image`` and ``draw_plain_image`` make single pictures.
Nothing is read: what a frame shows follows from (frames, seed, image) alone.
"""

from kittidet.kitti.synth.dataset import SYNTH_VERSION, draw_dataset
from kittidet.kitti.synth.picture import draw_image, draw_plain_image, encode_png
from kittidet.kitti.synth.render import Drawing

__all__ = ["SYNTH_VERSION", "Drawing", "draw_dataset", "draw_image", "draw_plain_image", "encode_png"]
