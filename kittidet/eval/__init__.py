"""Detections to numbers."""
