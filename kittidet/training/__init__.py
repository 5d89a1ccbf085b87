"""From batches to better weights: targets, losses, the training loop and resuming it."""
