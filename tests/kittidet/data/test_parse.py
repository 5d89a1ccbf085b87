import numpy as np
import pytest
import tensorflow as tf

from kittidet.data.parse import parse_example
from kittidet.records.example import FRAME_ID
from kittidet.records.message import decode_example
from kittidet.records.shard import read_records


@pytest.fixture
def payloads(records):
    """Frame id -> serialized Example."""
    found = [payload for shard in sorted(records.glob("*.tfrecord")) for payload in read_records(shard)]
    return {decode_example(p, where="")[FRAME_ID][1][0].decode(): p for p in found}


def test_a_frame_without_objects_has_empty_boxes(payloads, everywhere):
    parsed = everywhere(parse_example, payloads["000001"])
    assert parsed["boxes_xyxy"].shape == parsed["dont_care_xyxy"].shape == (0, 4)
    assert parsed["class_ids"].shape == (0,)


def test_boxes_come_back_in_pixels_of_the_frame(payloads, everywhere):
    parsed = everywhere(parse_example, payloads["000000"])
    np.testing.assert_allclose(parsed["boxes_xyxy"], [[10, 10, 40, 30], [60, 5, 110, 36]], atol=1e-4)
    np.testing.assert_allclose(parsed["dont_care_xyxy"], [[100, 2, 118, 12]], atol=1e-4)
    assert parsed["class_ids"].tolist() == [1, 7]
    assert parsed["class_ids"].dtype == np.int32
    assert parsed["frame_id"] == b"000000"


def test_the_image_is_decoded_as_it_was_written(payloads):
    parsed = parse_example(tf.constant(payloads["000002"]))
    assert parsed["original_wh"].numpy().tolist() == [123, 37]
    encoded = decode_example(payloads["000002"], where="")["image/encoded"][1][0]
    np.testing.assert_array_equal(parsed["image"], tf.io.decode_png(encoded, channels=3))
    assert parsed["image"].dtype == tf.uint8
