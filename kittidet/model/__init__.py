"""EfficientDet in Keras: from batches to raw predictions to detections."""
