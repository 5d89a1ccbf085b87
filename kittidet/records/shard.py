"""One TFRecord file: payloads with length and checksums, written atomically, every byte verified when read.

Files of other writers that are GZIP-compressed as a whole are read in order; only plain ones can be read by place.

Knows nothing about what a payload means.

Source:
    tensorflow/core/lib/io/record_writer.h: uint64 length, masked crc32c of it, payload, masked crc32c of that;
    mask: rotate right by 15 bits, add 0xa282ead8.
"""

import gzip
import hashlib
import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import google_crc32c

from kittidet.errors import RecordError

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
_MASK_DELTA = 0xA282EAD8
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class RecordSpan:
    """The position of one payload in a shard: bytes ``offset`` to ``offset + length``."""

    offset: int
    length: int


class ShardWriter:
    """Writes payloads into a file that takes its final name only when it is complete.

    A context manager: on success the file gets its name, on an error what was written is removed.

    Attributes:
        size: bytes written so far.
        sha256: hex digest of them.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = partial_path(path)
        self._hash = hashlib.sha256()
        self._stream: BinaryIO | None = None
        self.size = 0

    @property
    def sha256(self) -> str:
        """Hex digest of the bytes written so far."""
        return self._hash.hexdigest()

    def __enter__(self) -> Self:
        self._stream = self._partial.open("wb")
        return self

    def write(self, *parts: bytes) -> None:
        """Append one record, its payload given whole or in consecutive parts."""
        if self._stream is None:
            raise ValueError("ShardWriter.write: use the writer in a with-statement")
        length = struct.pack("<Q", sum(map(len, parts)))
        for part in (length + _masked(length), *parts, _masked(*parts)):
            self._stream.write(part)
            self._hash.update(part)
            self.size += len(part)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stream is None:
            return
        finished = False
        try:
            # Flushes what is buffered, so a full disk may show here. No fsync: it would wait for the disk at every
            # shard, and a file torn by a power cut does not match the digest in the manifest.
            self._stream.close()
            if kind is None:
                self._partial.replace(self._path)
                finished = True
        finally:
            if not finished:
                self._partial.unlink(missing_ok=True)


def partial_path(path: Path) -> Path:
    """Return the name of a shard while it is being written: hidden, and not matched by ``*.tfrecord``."""
    return path.with_name(f".{path.name}.partial")


def read_records(path: Path) -> Iterator[bytes]:
    """Yield the payloads of a shard in order, checksums verified; of a compressed one too.

    Raises:
        RecordError: with the byte (after decompression) where the file becomes unreadable.
    """
    with _open_plain(path) as stream:
        for span in _scan(stream, path):
            stream.seek(span.offset)
            yield _checked_payload(stream.read(span.length), stream.read(_FOOTER.size), path, span)


def is_compressed(path: Path) -> bool:
    """Return whether a shard is GZIP-compressed as a whole, as TensorFlow's ``compression_type="GZIP"`` writes it."""
    with path.open("rb") as stream:
        header = stream.read(_HEADER.size)
    # The first bytes of a plain file are a length, which may look like GZIP's mark; then its checksum holds.
    return header.startswith(_GZIP) and not _is_header(header)


def index_records(path: Path) -> list[RecordSpan]:
    """Return the position of each payload in a shard; only lengths and their checksums are read.

    Raises:
        RecordError: with the byte where the file becomes unreadable.
    """
    with path.open("rb") as stream:
        return list(_scan(stream, path))


def read_record(path: Path, span: RecordSpan) -> bytes:
    """Return one payload, checksum verified.

    Raises:
        RecordError: if the payload is damaged.
    """
    with path.open("rb", buffering=0) as stream:
        stream.seek(span.offset)
        data = stream.read(span.length + _FOOTER.size)
    return _checked_payload(data[: span.length], data[span.length :], path, span)


def _masked(*parts: bytes) -> bytes:
    crc = 0
    for part in parts:
        crc = google_crc32c.extend(crc, part)
    return _FOOTER.pack((((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF)


def _is_header(header: bytes) -> bool:
    return len(header) == _HEADER.size and _masked(header[:8]) == header[8:]


@contextmanager
def _open_plain(path: Path) -> Iterator[BinaryIO]:
    """Open a shard for reading; a compressed one is unpacked into a file without a name first."""
    if not is_compressed(path):
        with path.open("rb") as stream:
            yield stream
        return
    with tempfile.TemporaryFile() as plain:
        try:
            with gzip.open(path) as packed:
                shutil.copyfileobj(packed, plain)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise RecordError(
                f"{path}: GZIP-compressed and damaged: {error}. Copy the file again, or write the records again."
            ) from error
        plain.flush()
        yield plain


def _scan(stream: BinaryIO, path: Path) -> Iterator[RecordSpan]:
    size = os.fstat(stream.fileno()).st_size
    offset = 0
    while offset < size:
        stream.seek(offset)
        header = stream.read(_HEADER.size)
        if not _is_header(header):
            advice = "The file is damaged or not a TFRecord; write the records again."
            if offset == 0 and header.startswith(_GZIP):
                advice = "The file is GZIP-compressed: unpack it with gunzip, or write the records without compression."
            raise RecordError(f"{path}: byte {offset}: expected a record header with a matching checksum. {advice}")
        length = _HEADER.unpack(header)[0]
        end = offset + _HEADER.size + length + _FOOTER.size
        if end > size:
            raise RecordError(
                f"{path}: byte {offset}: the record ends at byte {end}, the file at {size}. "
                "The file is truncated; write the records again."
            )
        yield RecordSpan(offset + _HEADER.size, length)
        offset = end


def _checked_payload(payload: bytes, footer: bytes, path: Path, span: RecordSpan) -> bytes:
    if len(payload) < span.length or _masked(payload) != footer:
        raise RecordError(
            f"{path}: byte {span.offset}: the checksum of the {span.length} bytes from here does not match. "
            "The file is damaged; write the records again."
        )
    return payload
