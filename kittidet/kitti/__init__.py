"""From KITTI files on disk to frames: archives, trees, labels, the data contract and splits."""
