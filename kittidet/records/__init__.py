"""Frame <-> sharded TFRecord, without TensorFlow: the files are protobuf messages with checksums around them."""
