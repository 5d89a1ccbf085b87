import subprocess
import sys

import pytest

from kittidet.errors import RecordError
from kittidet.records.message import decode_example, encode_with_blob

FEATURES = {
    "none": ("float", []),
    "bytes": ("bytes", [b"\x00\xff", b""]),
    "float": ("float", [0.5, -1.25]),
    "int64": ("int64", [0, -1, 2**62]),
}


def test_equal_features_give_equal_bytes_whatever_their_order():
    turned = dict(reversed(FEATURES.items()))
    assert encode_with_blob(FEATURES, "blob", b"x") == encode_with_blob(turned, "blob", b"x")


@pytest.mark.parametrize("features", [{}, FEATURES])
@pytest.mark.parametrize("size", [0, 1, 100, 127, 128, 300, 16383, 16384, 10**6])
def test_a_blob_is_one_more_feature_at_every_size(features, size):
    """Sizes around those where a length takes one more byte; the head of the message crosses them too."""
    blob = bytes(range(256)) * (size // 256 + 1)
    for extra in range(4):
        head, last = encode_with_blob(features, "the blob" + "x" * extra, blob[: size + extra])
        found = decode_example(head + last, where="here")
        assert found == {**features, "the blob" + "x" * extra: ("bytes", [blob[: size + extra]])}
        assert last == blob[: size + extra]


@pytest.mark.parametrize("count", range(20, 34))
def test_a_blob_follows_features_of_every_size(count):
    features = {"f": ("float", [0.5] * count)}
    assert decode_example(b"".join(encode_with_blob(features, "b", b"x")), where="") == {
        **features,
        "b": ("bytes", [b"x"]),
    }


def test_the_blob_is_not_copied():
    blob = bytes(1000)
    assert encode_with_blob(FEATURES, "blob", blob)[1] is blob


def test_a_feature_of_the_wrong_type_is_not_encoded():
    with pytest.raises(TypeError):
        encode_with_blob({"int64": ("int64", ["1"])}, "blob", b"")


@pytest.mark.parametrize("payload", [b"\xff\xff\xff", b"<html>", b"\x0a\x05ab"])
def test_other_bytes_are_refused_by_name_of_the_place(payload):
    with pytest.raises(RecordError, match=r"a\.tfrecord record 3: expected a serialized tf\.train\.Example"):
        decode_example(payload, where="a.tfrecord record 3")


def test_tensorflow_reads_the_same_features():
    import tensorflow as tf

    example = tf.train.Example.FromString(b"".join(encode_with_blob(FEATURES, "blob", b"\x00" * 200)))
    assert example.features.feature.pop("blob").bytes_list.value[0] == b"\x00" * 200
    got = {name: getattr(f, f.WhichOneof("kind")).value for name, f in example.features.feature.items()}
    assert {name: list(values) for name, values in got.items()} == {n: v for n, (_, v) in FEATURES.items()}


def test_writing_loads_no_tensorflow():
    code = (
        "import sys, kittidet.records.write, kittidet.records.inspect as i;"
        "from kittidet.records.message import encode_with_blob; encode_with_blob({}, 'blob', b'');"
        "sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
