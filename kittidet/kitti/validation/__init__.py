"""The data contract: names, images and label rows of a KITTI tree, checked, with a finding for each fault."""
