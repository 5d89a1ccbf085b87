import gzip
import struct
from pathlib import Path

import google_crc32c
import pytest

from kittidet.errors import RecordError
from kittidet.files import digest_file
from kittidet.records.shard import ShardWriter, index_records, is_compressed, partial_path, read_record, read_records

PAYLOADS = [b"", b"one", b"\x00" * 1000, bytes(range(256))]


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "a.tfrecord"
    with ShardWriter(path) as writer:
        for payload in PAYLOADS:
            writer.write(payload)
    return path


def test_an_empty_shard_is_an_empty_file_without_records(tmp_path):
    path = tmp_path / "a.tfrecord"
    with ShardWriter(path):
        pass
    assert path.read_bytes() == b""
    assert list(read_records(path)) == []
    assert index_records(path) == []


def test_payloads_come_back_in_order(shard):
    assert list(read_records(shard)) == PAYLOADS


def test_each_payload_can_be_read_by_its_place(shard):
    spans = index_records(shard)
    assert [read_record(shard, span) for span in reversed(spans)] == PAYLOADS[::-1]


def test_a_payload_in_parts_is_one_record(tmp_path):
    for name, parts in (("whole", [b"some bytes"]), ("parts", [b"some", b"", b" bytes"])):
        with ShardWriter(tmp_path / name) as writer:
            writer.write(*parts)
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "parts").read_bytes()


def test_the_bytes_are_those_of_the_format(tmp_path):
    """One record written out by hand; the crc of '123456789' is the published check value of CRC-32C."""
    assert google_crc32c.value(b"123456789") == 0xE3069283
    path = tmp_path / "a.tfrecord"
    with ShardWriter(path) as writer:
        writer.write(b"123456789")
    masked = (((0xE3069283 >> 15) | (0xE3069283 << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    data = path.read_bytes()
    assert data[:8] == (9).to_bytes(8, "little")
    assert data[12:21] == b"123456789"
    assert data[21:] == struct.pack("<I", masked)


def test_size_and_digest_are_those_of_the_file(tmp_path):
    path = tmp_path / "a.tfrecord"
    with ShardWriter(path) as writer:
        writer.write(b"some bytes")
    assert writer.size == path.stat().st_size
    assert writer.sha256 == digest_file(path)


def test_the_final_name_shows_only_a_complete_shard(tmp_path):
    path = tmp_path / "a.tfrecord"
    with ShardWriter(path) as writer:
        writer.write(b"some bytes")
        assert not path.exists()
        assert partial_path(path).exists()
    assert [p.name for p in tmp_path.iterdir()] == ["a.tfrecord"]


def test_an_error_on_the_way_leaves_nothing(tmp_path):
    def write_and_fail():
        with ShardWriter(tmp_path / "a.tfrecord") as writer:
            writer.write(b"some bytes")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_and_fail()
    assert list(tmp_path.iterdir()) == []


def test_a_writer_is_used_in_a_with_statement(tmp_path):
    with pytest.raises(ValueError, match="with-statement"):
        ShardWriter(tmp_path / "a.tfrecord").write(b"")


@pytest.mark.parametrize("position", [0, 5, 9, 30, 100, -1])
def test_one_changed_bit_anywhere_is_found(shard, position):
    data = bytearray(shard.read_bytes())
    data[position] ^= 1
    shard.write_bytes(data)
    with pytest.raises(RecordError, match=r"a\.tfrecord: byte \d+: .*write the records again"):
        list(read_records(shard))


@pytest.mark.parametrize("lost", [1, 4, 200, 270, 276])
def test_a_shard_that_was_cut_short_is_found(shard, lost):
    shard.write_bytes(shard.read_bytes()[:-lost])
    with pytest.raises(RecordError, match="write the records again"):
        list(read_records(shard))
    with pytest.raises(RecordError, match="write the records again"):
        index_records(shard)


def test_a_length_beyond_the_file_is_refused_before_memory_is_asked_for(tmp_path):
    path = tmp_path / "a.tfrecord"
    length = struct.pack("<Q", 2**62)
    crc = google_crc32c.value(length)
    path.write_bytes(length + struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF))
    with pytest.raises(RecordError, match="is truncated"):
        list(read_records(path))


def test_another_kind_of_file_is_no_shard(tmp_path):
    path = tmp_path / "a.tfrecord"
    path.write_text("<html>not found</html>")
    with pytest.raises(RecordError, match=r"byte 0: .*not a TFRecord"):
        list(read_records(path))


def test_a_payload_damaged_after_indexing_is_not_returned(shard):
    span = index_records(shard)[2]
    data = bytearray(shard.read_bytes())
    data[span.offset + 7] ^= 0xFF
    shard.write_bytes(data)
    with pytest.raises(RecordError, match=f"byte {span.offset}: the checksum"):
        read_record(shard, span)


def test_a_compressed_shard_is_read_in_order_and_by_place_refused_by_name(shard):
    shard.write_bytes(gzip.compress(shard.read_bytes()))
    assert is_compressed(shard)
    assert list(read_records(shard)) == PAYLOADS
    with pytest.raises(RecordError, match=r"byte 0: .* The file is GZIP-compressed: unpack it with gunzip"):
        index_records(shard)


def test_a_first_length_that_looks_like_gzip_is_none(tmp_path):
    payload = bytes(0x088B1F)
    with ShardWriter(tmp_path / "a") as writer:
        writer.write(payload)
    assert (tmp_path / "a").read_bytes().startswith(b"\x1f\x8b\x08")
    assert not is_compressed(tmp_path / "a")
    assert list(read_records(tmp_path / "a")) == [payload]
