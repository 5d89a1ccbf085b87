"""The detector: images in, boxes in pixels of those images out, and its weights on disk."""
