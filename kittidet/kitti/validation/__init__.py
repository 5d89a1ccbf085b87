"""Checks a KITTI tree against the data contract: names, images and label rows, with a finding for each fault."""
