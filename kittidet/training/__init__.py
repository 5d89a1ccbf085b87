"""Batches to better weights: targets, losses, the loop and its checkpoints."""
