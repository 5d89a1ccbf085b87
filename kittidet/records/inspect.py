"""Inspects TFRecords, ours and those of other writers: what they hold and whether it is valid; without TensorFlow."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from kittidet.classes import ClassTable
from kittidet.errors import RecordError
from kittidet.files import digest_file
from kittidet.records.example import DONT_CARE_BOX, FRAME_ID, LABEL, OBJECT_BOX, SIDES, feature_problems, of_right_kind
from kittidet.records.images import ImageFacts, Record, with_images
from kittidet.records.inspection import InspectionReport
from kittidet.records.manifest import MANIFEST_NAME, RecordsManifest, read_manifest
from kittidet.records.message import Features, decode_example, first_value
from kittidet.records.shard import is_compressed, read_records

_SHARD_PATTERNS = ("*.tfrecord*", "*.record*")


def inspect_records(
    folder: Path, *, images_dir: Path | None = None, max_problems: int = 100, max_boxes: int = 8
) -> InspectionReport:
    """Return what a folder of TFRecords, or one file, holds and which faults it has.

    Every checksum is verified. Boxes must be within 0..1 and not empty, labels within the class table (or at least
    positive and of one name each, without a manifest to give the table), images must decode and have the size their
    record states, no shard may be empty; with a manifest, counts and digests must match it. GZIP-compressed shards are
    read and noted.

    Args:
        folder: a folder with ``*.tfrecord*`` or ``*.record*`` files, or one such file.
        images_dir: the folder of the images, of records that refer to them; without it they are not looked at.
        max_problems: how many problems are kept as text.
        max_boxes: how many boxes are listed.

    Raises:
        RecordError: if there are no such files.
    """
    shards = list_shards(folder)
    found = _Findings(max_problems, max_boxes)
    manifest = _manifest_beside(folder, found)
    found.table = manifest.table if manifest is not None else None
    records = (record for path in shards for record in _read(path, found))
    if manifest is not None and manifest.images_of is not None and images_dir is None:
        found.notes[f"the images, of data set {manifest.images_of[:16]}, were not looked at: name their folder"] += 1
        looked_at: Iterator[tuple[Record, ImageFacts]] = ((record, ImageFacts(None, None)) for record in records)
    else:
        looked_at = with_images(records, images_dir)
    for (where, features), image in looked_at:
        found.add(where, features, image)
    found.compare_names()
    if manifest is not None:
        _compare_with_manifest(folder, manifest, found)
    if found.num_frames and not found.num_objects:
        found.notes["no record has a box: a detector would learn to find nothing"] += 1
    return InspectionReport(
        folder=folder,
        num_shards=len(shards),
        num_frames=found.num_frames,
        num_objects=found.num_objects,
        num_dont_care=found.num_dont_care,
        num_empty=found.num_empty,
        counts=found.named_counts(),
        sizes=dict(found.sizes.most_common()),
        ranges={name: (low, high) for name, (low, high) in sorted(found.ranges.items())},
        first_boxes=tuple(found.first_boxes),
        has_manifest=manifest is not None,
        problems=tuple(found.problems),
        num_problems=found.num_problems,
        notes=tuple(f"{text} ({count} frames)" if count > 1 else text for text, count in found.notes.items()),
    )


class _Findings:
    """Totals over records; of each record only its id is kept."""

    def __init__(self, max_problems: int, max_boxes: int) -> None:
        self._max_problems = max_problems
        self._max_boxes = max_boxes
        self._seen_ids: set[bytes] = set()
        self._texts: dict[int, set[str]] = {}
        self._labels: Counter[int] = Counter()
        self.table: ClassTable | None = None
        self.problems: list[str] = []
        self.notes: Counter[str] = Counter()
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.ranges: dict[str, tuple[float, float]] = {}
        self.first_boxes: list[str] = []
        self.num_problems = self.num_frames = self.num_objects = self.num_dont_care = self.num_empty = 0

    def problem(self, text: str) -> None:
        self.num_problems += 1
        if len(self.problems) < self._max_problems:
            self.problems.append(text)

    def add(self, where: str, features: Features, image: ImageFacts) -> None:
        self.num_frames += 1
        where = f"{where} (frame {frame_name(of_right_kind(features))})"
        for problem in feature_problems(features, num_classes=None if self.table is None else len(self.table)):
            self.problem(f"{where}: {problem}")
        features = of_right_kind(features)
        self._add_image(where, features, image)
        self._add_id(where, features)
        labels = features.get(LABEL, ("int64", []))[1]
        texts = [text.decode(errors="replace") for text in features.get("image/object/class/text", ("", []))[1]]
        self._labels.update(labels)
        for label, text in zip(labels, texts, strict=False):
            if self.table is not None and 1 <= label <= len(self.table) and self.table.name_of(label) != text:
                self.problem(
                    f"{where}: label {label} is {self.table.name_of(label)} in the manifest, {text} in the record"
                )
            self._texts.setdefault(label, set()).add(text)
        self.num_objects += len(labels)
        self.num_empty += not labels
        self.num_dont_care += len(features.get(DONT_CARE_BOX + SIDES[0], ("", []))[1])
        for name, (kind, values) in features.items():
            if kind in {"float", "int64"} and values:
                low, high = self.ranges.get(name, (values[0], values[0]))
                self.ranges[name] = (min(low, *values), max(high, *values))

    def compare_names(self) -> None:
        """Add a problem for every label that records give different names."""
        for label, texts in sorted(self._texts.items()):
            if self.table is None and len(texts) > 1:
                self.problem(
                    f"label {label}: expected one name, got {', '.join(sorted(texts))} in different objects. "
                    "A reader goes by the label; write the records again with one class table."
                )

    def named_counts(self) -> dict[str, int]:
        """Return boxes per class name, in the order of the ids."""
        known = {} if self.table is None else dict(enumerate(self.table.names, start=1))
        names = {
            label: known.get(label) or "/".join(sorted(self._texts.get(label, {f"label {label}"})))
            for label in sorted({*known, *self._labels})
        }
        return {name: self._labels[label] for label, name in names.items()}

    def _add_image(self, where: str, features: Features, image: ImageFacts) -> None:
        if image.problem is not None:
            self.problem(f"{where}: {image.problem}")
        size = image.size_wh
        if size is None:
            return
        self.sizes[size] += 1
        stated = (first_value(features, "image/width", size[0]), first_value(features, "image/height", size[1]))
        if stated != size:
            self.problem(f"{where}: expected the image to be {stated[0]}x{stated[1]}, got {size[0]}x{size[1]}")
        boxes = [features.get(OBJECT_BOX + side, ("", []))[1] for side in SIDES]
        labels = features.get(LABEL, ("", []))[1]
        for label, *box in zip(labels, *boxes, strict=False):
            if len(self.first_boxes) >= self._max_boxes:
                break
            pixels = [side * extent for side, extent in zip(box, size * 2, strict=True)]
            self.first_boxes.append(
                f"{frame_name(features)} label {label}: {' '.join(f'{side:.4f}' for side in box)}  =  "
                f"{' '.join(f'{side:.1f}' for side in pixels)} px"
            )

    def _add_id(self, where: str, features: Features) -> None:
        source_id = first_value(features, "image/source_id", b"")
        if source_id in self._seen_ids:
            self.problem(f"{where}: image/source_id {source_id!r} is used twice; scores would mix two frames")
        if source_id:
            self._seen_ids.add(source_id)
        if source_id and not source_id.isdigit():
            self.notes["image/source_id is not a number: google/automl cannot read it"] += 1


def list_shards(folder: Path) -> list[Path]:
    """Return the TFRecord files of a folder by name, or the one file itself.

    Raises:
        RecordError: if there are none.
    """
    if folder.is_file():
        return [folder]
    paths = {p for pattern in _SHARD_PATTERNS for p in folder.glob(pattern) if p.is_file() and p.name[0] != "."}
    if not paths:
        raise RecordError(
            f"{folder}: expected files named {' or '.join(_SHARD_PATTERNS)}, got none. "
            "Check the path, or write records."
        )
    return sorted(paths)


def _manifest_beside(folder: Path, found: _Findings) -> RecordsManifest | None:
    if not (folder / MANIFEST_NAME).is_file():
        return None
    try:
        return read_manifest(folder)
    except RecordError as error:
        found.problem(str(error))
        return None


def _read(path: Path, found: _Findings) -> Iterator[tuple[str, Features]]:
    """Yield the records of a shard up to the first damage, which is added to the problems."""
    number = -1
    try:
        if is_compressed(path):
            found.notes[f"{path.name}: GZIP-compressed; readers have to be told so"] += 1
        for number, payload in enumerate(read_records(path)):
            where = f"{path.name} record {number}"
            yield where, decode_example(payload, where=where)
        if number < 0:
            found.problem(f"{path.name}: expected one or more records, got 0. Write the records again.")
    except RecordError as error:
        found.problem(str(error))


def _compare_with_manifest(folder: Path, manifest: RecordsManifest, found: _Findings) -> None:
    pairs = {
        "frames": (manifest.num_frames, found.num_frames),
        "objects": (manifest.num_objects, found.num_objects),
        "DontCare regions": (manifest.num_dont_care, found.num_dont_care),
        "objects per class": (dict(manifest.counts), found.named_counts()),
    }
    for what, (expected, got) in pairs.items():
        if expected != got:
            found.problem(f"{folder / MANIFEST_NAME}: expected {what} {expected}, got {got}")
    for shard in manifest.shards:
        if digest_file(folder / shard.name) != shard.sha256:
            found.problem(
                f"{folder / shard.name}: its sha256 differs from the manifest's: changed since it was written"
            )


def frame_name(features: Features) -> str:
    """Return what identifies a record: frame id, source id or file name, whichever it has."""
    for key in (FRAME_ID, "image/source_id", "image/filename"):
        value = first_value(features, key, b"")
        if value:
            return str(value.decode(errors="replace"))
    return "without id"
