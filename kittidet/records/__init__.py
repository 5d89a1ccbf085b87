"""Frame <-> sharded TFRecord, without TensorFlow: the files are protobuf messages framed by checksums."""
