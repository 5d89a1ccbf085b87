"""Converts KITTI labels to and from other label formats, one file each; NumPy and JSON only."""
