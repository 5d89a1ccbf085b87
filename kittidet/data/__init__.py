"""TFRecord -> batch: letterbox, augmentation, order."""
