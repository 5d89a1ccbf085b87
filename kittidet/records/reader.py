"""The frames of a folder of records by their place, each with its image, wherever that lies.

Records hold their images, or refer to the image files of a data set, which then lie on the disk once for all splits,
class tables and numbers of shards. A reader sees no difference: what it gets is a record that holds its image.
"""

from pathlib import Path

import google_crc32c

from kittidet.errors import DatasetContractError, RecordError
from kittidet.kitti.image_file import read_image_bytes
from kittidet.records.example import CRC32C, ENCODED, FILENAME
from kittidet.records.manifest import read_manifest
from kittidet.records.message import Features, decode_example, encode_with_blob, first_value
from kittidet.records.shard import RecordSpan, index_records, read_record


class RecordReader:
    """Reads the frames of a folder of records by their place.

    Args:
        records_dir: a folder that ``write.write_records`` made.
        images_dir: the folder of the images that the records refer to; not looked at where they hold them.

    Attributes:
        manifest: that of the records.

    Raises:
        RecordError: if the records are incomplete, their framing is damaged, or they refer to images and no folder is
            given.
    """

    def __init__(self, records_dir: Path, images_dir: Path | None = None) -> None:
        self.manifest = read_manifest(records_dir)
        if self.manifest.images_of is None:
            images_dir = None
        elif images_dir is None:
            raise RecordError(
                f"{records_dir}: expected the folder of images that these records refer to, got none. Name that of "
                f"data set {self.manifest.images_of[:16]}, or write the records with `records.images=embedded`."
            )
        self._images_dir = images_dir
        self._places: list[tuple[Path, RecordSpan]] = []
        for shard in self.manifest.shards:
            path = records_dir / shard.name
            spans = index_records(path)
            if len(spans) != shard.frames:
                raise RecordError(f"{path}: expected {shard.frames} frames, got {len(spans)}. Write the records again.")
            self._places += [(path, span) for span in spans]

    def read(self, index: int) -> bytes:
        """Return a frame as a serialized Example that holds its image; every byte is compared with its checksum.

        Raises:
            RecordError: if record or image are damaged, or the image is another one than when the record was written.
        """
        path, span = self._places[index]
        payload = read_record(path, span)
        if self._images_dir is None:
            return payload
        where = f"{path}: byte {span.offset}"
        image = find_image(decode_example(payload, where=where), self._images_dir)
        if image is None:
            raise RecordError(f"{where}: expected a record that names its image, got none. Write the records again.")
        # Serialized messages that follow each other are one message with the fields of both.
        return b"".join((payload, *encode_with_blob({}, ENCODED, image)))


def find_image(features: Features, images_dir: Path | None) -> bytes | None:
    """Return the image file that a record holds or refers to; None if it does neither, or the folder is not known.

    Args:
        features: of the record.
        images_dir: the folder of the images that records refer to.

    Raises:
        RecordError: if the file it refers to is not there, cannot be read, or is another one.
    """
    encoded, expected = first_value(features, ENCODED, None), first_value(features, CRC32C, None)
    if isinstance(encoded, bytes):
        return encoded
    if images_dir is None or not isinstance(expected, int):
        return None
    named = first_value(features, FILENAME, b"")
    name = named.decode(errors="replace") if isinstance(named, bytes) else str(named)
    if Path(name).name != name:
        raise RecordError(f"{FILENAME} {name!r} leads out of the folder of images. Write the records again.")
    try:
        image = read_image_bytes(images_dir / name)
    except DatasetContractError as error:
        raise RecordError(str(error)) from error
    found = google_crc32c.value(image)
    if found != expected:
        raise RecordError(
            f"{images_dir / name}: expected the image with CRC-32C {expected:08x} that the records refer to, got "
            f"{found:08x}: it was changed or damaged since. Copy it again, or start again to use it as it is."
        )
    return image
