"""EfficientDet on KITTI 2D: files, labels, records, the detector, its training and its scores.

Importing this package loads neither TensorFlow, Keras nor Prefect; the rooms below load what they need.
"""

__version__ = "0.1.0"
