"""From KITTI's archives to an unpacked tree: download, checksums, and safe extraction of untrusted zips."""
