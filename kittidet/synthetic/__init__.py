"""Synthetic data: KITTI-shaped road scenes with exact labels, from a seed.

``render_dataset`` writes a whole set in KITTI's layout; ``draw_image`` makes single images.
Nothing is read from disk: a frame depends only on (frames, seed, image).
"""

from kittidet.synthetic.dataset import SYNTH_VERSION, is_synthetic, render_dataset
from kittidet.synthetic.picture import draw_image, encode_png
from kittidet.synthetic.render import Drawing

__all__ = ["SYNTH_VERSION", "Drawing", "draw_image", "encode_png", "is_synthetic", "render_dataset"]
