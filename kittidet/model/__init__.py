"""Batches to raw predictions to detections: EfficientDet in Keras."""
