"""KITTI labels to and from other label formats, each in a file; NumPy and JSON only."""
