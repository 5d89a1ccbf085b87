"""TFRecords to batches: letterbox, augmentation, the input pipeline."""
