"""Frames to and from sharded TFRecords."""
