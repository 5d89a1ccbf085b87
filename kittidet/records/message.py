"""The ``tf.train.Example`` message, built at run time from its field numbers.

TensorFlow has a generated copy, but importing it costs seconds and hundreds of megabytes in every writing
process. The descriptor has its own pool, so it never collides with TensorFlow's registration of the same names.

Source:
    tensorflow/core/example/{example,feature}.proto: names, numbers and types of the fields.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

from kittidet.errors import RecordError

FeatureValue = Sequence[bytes] | Sequence[float] | Sequence[int]
# Name -> kind and values, as `decode_example` reads them.
Features = dict[str, tuple[str, list[Any]]]
KINDS = ("bytes", "float", "int64")  # in the order of their field numbers, 1 to 3

_PACKAGE = "tensorflow"
_FIELD = descriptor_pb2.FieldDescriptorProto


@cache
def _example_class() -> Any:
    """Return the message class; created once per process."""
    file = descriptor_pb2.FileDescriptorProto(name="kittidet/example.proto", package=_PACKAGE, syntax="proto3")
    scalar = {"bytes": _FIELD.TYPE_BYTES, "float": _FIELD.TYPE_FLOAT, "int64": _FIELD.TYPE_INT64}
    feature = descriptor_pb2.DescriptorProto(name="Feature")
    feature.oneof_decl.add(name="kind")
    for number, kind in enumerate(KINDS, start=1):
        message = file.message_type.add(name=f"{kind.capitalize()}List")
        message.field.add(name="value", number=1, label=_FIELD.LABEL_REPEATED, type=scalar[kind])
        feature.field.add(
            name=f"{kind}_list",
            number=number,
            label=_FIELD.LABEL_OPTIONAL,
            type=_FIELD.TYPE_MESSAGE,
            type_name=f".{_PACKAGE}.{message.name}",
            oneof_index=0,
        )
    file.message_type.append(feature)
    features = file.message_type.add(name="Features")
    entry = features.nested_type.add(name="FeatureEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, label=_FIELD.LABEL_OPTIONAL, type=_FIELD.TYPE_STRING)
    _add_message_field(entry, "value", 2, "Feature")
    _add_message_field(features, "feature", 1, "Features.FeatureEntry", label=_FIELD.LABEL_REPEATED)
    _add_message_field(file.message_type.add(name="Example"), "features", 1, "Features")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Example"))


def encode_with_blob(features: Mapping[str, tuple[str, FeatureValue]], name: str, blob: bytes) -> tuple[bytes, bytes]:
    """Return, in two parts, the serialized Example with one more feature: a single, large bytes value.

    Joined, the parts are the Example; the second one is ``blob`` itself, so an image goes from its file to the record
    without being copied into a message and out again, which would cost more than all the rest of writing it. Equal
    features give equal bytes.

    Args:
        features: name -> (kind, values), the kind being one of ``KINDS``.
        name: of the additional feature.
        blob: its one value.

    Source:
        Protocol Buffers, Encoding: a field of a message is tag, length, content; map entries may come in any order.
    """
    # Deterministic: map entries sorted by key instead of by a hash that changes with the process.
    entries = _build_example(features).features.SerializeToString(deterministic=True)
    # From the inside out: BytesList.value, Feature.bytes_list, FeatureEntry.value, Features.feature, Example.features.
    header = b""
    for number in (1, 1, 2):
        header = _field_header(number, len(header) + len(blob)) + header
    key = name.encode()
    header = _field_header(1, len(key)) + key + header
    header = _field_header(1, len(header) + len(blob)) + header
    return _field_header(1, len(entries) + len(header) + len(blob)) + entries + header, blob


def decode_example(payload: bytes, *, where: str) -> Features:
    """Return name -> (kind, values) of a serialized Example; a feature without a kind is left out.

    Raises:
        RecordError: if the bytes are not an Example.
    """
    example = _example_class()()
    try:
        example.ParseFromString(payload)
    except DecodeError as error:
        raise RecordError(
            f"{where}: expected a serialized tf.train.Example, got {len(payload)} bytes of something else."
        ) from error
    found = {}
    for name, feature in example.features.feature.items():
        which = feature.WhichOneof("kind")
        if which is not None:
            found[name] = (which.removesuffix("_list"), list(getattr(feature, which).value))
    return found


def first_value(features: Features, name: str, default: Any) -> Any:
    """Return the only, or first, value of a feature."""
    values = features.get(name, ("", []))[1]
    return values[0] if values else default


def _build_example(features: Mapping[str, tuple[str, FeatureValue]]) -> Any:
    example = _example_class()()
    for name, (kind, values) in features.items():
        value_list = getattr(example.features.feature[name], f"{kind}_list")
        value_list.SetInParent()  # an empty list keeps its kind
        value_list.value.extend(values)
    return example


def _field_header(number: int, length: int) -> bytes:
    """Return tag and length of a field that holds bytes, text or a message."""
    header = bytearray([number << 3 | 2])
    while length >= 0x80:
        header.append(length & 0x7F | 0x80)
        length >>= 7
    header.append(length)
    return bytes(header)


def _add_message_field(
    message: descriptor_pb2.DescriptorProto, name: str, number: int, type_name: str, *, label: Any = None
) -> None:
    message.field.add(
        name=name,
        number=number,
        label=_FIELD.LABEL_OPTIONAL if label is None else label,
        type=_FIELD.TYPE_MESSAGE,
        type_name=f".{_PACKAGE}.{type_name}",
    )
