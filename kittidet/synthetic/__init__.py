"""Synthetic data: KITTI-shaped road scenes with exact labels, from a seed.

``dataset.render_dataset`` writes a whole set in KITTI's layout; ``picture.draw_image`` makes single images.
Nothing is read from disk: a frame depends only on (frames, seed, image).
"""

# Goes up whenever the same frames and seed give different images or labels. Here it is read without what draws.
SYNTH_VERSION = 3
