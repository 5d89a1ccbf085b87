"""One serialized Example -> image and boxes in pixels, as TensorFlow ops.

The way back from the 0..1 of the records: everything after this speaks pixels of the original image.
"""

from typing import Any

import tensorflow as tf

from kittidet.detect.preprocess import decode_rgb, size_wh_of
from kittidet.records.example import DONT_CARE_BOX, ENCODED, FRAME_ID, LABEL, OBJECT_BOX, REGION_LABEL, SIDES

Tensor = Any


def parse_example(payload: Tensor) -> dict[str, Tensor]:
    """Return one record as tensors.

    Args:
        payload: scalar string, a serialized Example.

    Returns:
        ``image`` ``[h, w, 3]`` uint8; ``boxes_xyxy`` ``[n, 4]`` and ``dont_care_xyxy`` ``[m, 4]`` float32, pixels of
        the original image; ``class_ids`` ``[n]`` int32, 1-based; ``dont_care_class_ids`` ``[m]`` int32, 0 where a
        region is of all classes; ``frame_id`` string; ``original_wh`` ``[2]`` int32.
    """
    ragged = tf.io.RaggedFeature
    spec: dict[str, Any] = {
        ENCODED: tf.io.FixedLenFeature([], tf.string),
        FRAME_ID: tf.io.FixedLenFeature([], tf.string),
        LABEL: ragged(tf.int64),
        REGION_LABEL: ragged(tf.int64),
        **{prefix + side: ragged(tf.float32) for prefix in (OBJECT_BOX, DONT_CARE_BOX) for side in SIDES},
    }
    parsed = tf.io.parse_single_example(payload, spec)
    image = decode_rgb(parsed[ENCODED])
    size_wh = size_wh_of(image)
    regions, region_of = _pixels(parsed, DONT_CARE_BOX, size_wh), tf.cast(parsed[REGION_LABEL], tf.int32)
    return {
        "image": image,
        "boxes_xyxy": _pixels(parsed, OBJECT_BOX, size_wh),
        "class_ids": tf.cast(parsed[LABEL], tf.int32),
        "dont_care_xyxy": regions,
        # Absent where all are of all classes.
        "dont_care_class_ids": tf.pad(region_of, [[0, tf.shape(regions)[0] - tf.shape(region_of)[0]]]),
        "frame_id": parsed[FRAME_ID],
        "original_wh": size_wh,
    }


def _pixels(parsed: dict[str, Tensor], prefix: str, size_wh: Tensor) -> Tensor:
    return tf.stack([parsed[prefix + side] for side in SIDES], axis=-1) * tf.tile(tf.cast(size_wh, tf.float32), [2])
