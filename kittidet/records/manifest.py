"""What a folder of records holds: ``manifest.json``, written last, so a folder that has one is complete."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kittidet.classes import ClassTable
from kittidet.errors import ConfigError, RecordError
from kittidet.files import digest_of, read_json, write_json

MANIFEST_NAME = "manifest.json"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Shard:
    """One TFRecord file: its name, number of frames, size in bytes, and sha256."""

    name: str
    frames: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class RecordsManifest:
    """A split as written.

    Attributes:
        split: its name, the first part of the shard names.
        num_frames: frames, including those without objects.
        num_objects: labelled objects, DontCare not counted.
        num_dont_care: DontCare regions.
        counts: class name -> objects, every class of the table, in table order.
        table: the class table the labels refer to.
        max_objects: most objects in one frame.
        max_dont_care: most DontCare regions in one frame.
        shards: the files, in order.
        digest: identifies the content: table and shards.
        images_of: the digest of the data set whose image files the records refer to; None if they hold the images.
        class_regions: whether some regions are of one class alone.
    """

    split: str
    num_frames: int
    num_objects: int
    num_dont_care: int
    counts: Mapping[str, int]
    table: ClassTable
    max_objects: int
    max_dont_care: int
    shards: tuple[Shard, ...]
    digest: str
    images_of: str | None = None
    class_regions: bool = False


def records_digest(table: ClassTable, shards: tuple[Shard, ...]) -> str:
    """Return the digest of records: the table and the shards' content, in order."""
    return digest_of({"table": table.to_json(), "shards": [[shard.name, shard.sha256] for shard in shards]})


def write_manifest(folder: Path, manifest: RecordsManifest) -> None:
    """Write ``manifest.json`` atomically."""
    values: dict[str, Any] = {
        "version": _VERSION,
        **{name: getattr(manifest, name) for name in manifest.__slots__},
        "counts": dict(manifest.counts),
        "table": manifest.table.to_json(),
        "shards": [asdict(shard) for shard in manifest.shards],
    }
    write_json(folder / MANIFEST_NAME, values)


def read_manifest(folder: Path) -> RecordsManifest:
    """Return the manifest of a folder of records whose shards are all there at their recorded size.

    Raises:
        RecordError: if the manifest is missing or invalid, or a shard is missing or has another size.
    """
    path = folder / MANIFEST_NAME
    values = read_json(
        path, error=RecordError, advice="A folder without a manifest is unfinished; write the records again."
    )
    try:
        manifest = _parse(values)
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError, ConfigError) as error:
        raise RecordError(f"{path}: not a records manifest ({error!r}). Write the records again.") from error
    if manifest.digest != records_digest(manifest.table, manifest.shards):
        raise RecordError(f"{path}: its digest does not match its table and shards. Write the records again.")
    for shard in manifest.shards:
        file = folder / shard.name
        size = file.stat().st_size if file.is_file() else None
        if size != shard.bytes:
            found = "no file" if size is None else f"{size} bytes"
            raise RecordError(f"{file}: expected {shard.bytes} bytes, got {found}. Write the records again.")
    return manifest


def _parse(values: Any) -> RecordsManifest:
    if values["version"] != _VERSION:
        raise ValueError(f"version {values['version']!r}, expected {_VERSION}")
    shards = tuple(Shard(**shard) for shard in values["shards"])
    for shard in shards:
        if Path(shard.name).name != shard.name:
            raise ValueError(f"shard name {shard.name!r} leads out of the folder")
    table, images_of = ClassTable.from_json(values["table"]), values.get("images_of")
    return RecordsManifest(
        split=str(values["split"]),
        num_frames=int(values["num_frames"]),
        num_objects=int(values["num_objects"]),
        num_dont_care=int(values["num_dont_care"]),
        counts={name: int(values["counts"][name]) for name in table.names},
        table=table,
        max_objects=int(values["max_objects"]),
        max_dont_care=int(values["max_dont_care"]),
        shards=shards,
        digest=str(values["digest"]),
        images_of=None if images_of is None else str(images_of),
        class_regions=bool(values.get("class_regions", False)),
    )
