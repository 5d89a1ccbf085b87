"""KITTI files -> sharded TFRecords, in parallel, one frame in memory at a time.

Image files are copied as they are, or referred to: the size comes from the header, and checksums or the end marker show
whether the file is whole, at a fraction of the cost of decoding it. The bytes of a shard depend only on its frames, not
on the number of processes.
"""

import hashlib
import logging
import multiprocessing
import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Protocol

import google_crc32c

from kittidet.batches import run_batches
from kittidet.classes import ClassTable
from kittidet.config import ValidateConfig
from kittidet.errors import DiskSpaceError, RecordError
from kittidet.frame import Frame
from kittidet.kitti.frames import label_rows
from kittidet.kitti.image_file import check_image_bytes, image_format
from kittidet.progress import FrameProgress
from kittidet.records.example import CRC32C, ENCODED, SHA256, frame_features, ignored_regions, source_ids
from kittidet.records.manifest import MANIFEST_NAME, RecordsManifest, Shard, records_digest, write_manifest
from kittidet.records.message import encode_with_blob
from kittidet.records.shard import ShardWriter, partial_path

log = logging.getLogger(__name__)

# A process of the pool costs about a second to start; below this many frames one process is faster.
_FRAMES_WORTH_A_POOL = 1000
_BYTES_AROUND_IMAGE = 8192  # features: a few kilobytes per frame


class FramePaths(Protocol):
    """Knows where the files of a frame are, as ``kittidet.kitti.tree.KittiTree`` does."""

    def image_path(self, frame_id: str) -> Path:
        """Return the image file of a frame."""

    def label_path(self, frame_id: str) -> Path:
        """Return the label file of a frame."""


@dataclass(frozen=True, slots=True)
class _ShardJob:
    """What one process needs to write one shard: frame id, source id, image path, label path of each frame.

    Its records hold their images (``embeds``), or refer to them.
    """

    path: Path
    frames: tuple[tuple[str, int, Path, Path], ...]
    table: ClassTable
    edge_tolerance_px: float
    neutral: Mapping[str, str]
    embeds: bool


@dataclass(frozen=True, slots=True)
class _ShardFacts:
    """What one process reports about one shard."""

    shard: Shard
    counts: Counter[str]
    num_dont_care: int
    max_objects: int
    max_dont_care: int
    class_regions: bool


def write_records(
    tree: FramePaths,
    frame_ids: Sequence[str],
    *,
    split_name: str,
    table: ClassTable,
    num_shards: int,
    out_dir: Path,
    workers: int | None = None,
    executor: Executor | None = None,
    edge_tolerance_px: float | None = None,
    neutral: Mapping[str, str] | None = None,
    images_of: str | None = None,
    progress: FrameProgress | None = None,
) -> RecordsManifest:
    """Return the manifest of the records now in ``out_dir``: shards, and ``manifest.json`` written last.

    Frames are dealt to the shards in turn, so each holds frames from all over the list. There are never
    more shards than frames. A folder that a killed run left behind is completed; its shards are written again.

    Args:
        tree: knows the files of a frame.
        frame_ids: the split, in order.
        split_name: first part of the shard names: ``<split_name>-00000-of-00032.tfrecord``.
        table: gives labels and names.
        num_shards: how many files.
        out_dir: created if absent.
        workers: processes; None: one per core, or only this one for a set that takes seconds.
        executor: writes the shards in place of those processes; each of its own must see ``out_dir`` and the frames.
        edge_tolerance_px: how far a box may extend beyond the image (it is clipped); None: the data contract's.
        neutral: type -> class whose loss passes over its boxes; see `example.ignored_regions`.
        images_of: the digest of the data set, to refer to its images by name and digest; None: the records hold them.
        progress: called with (frames written, total frames) after each shard.

    Raises:
        RecordError: if there are no frames, ids are repeated, a frame cannot be written, or the folder
            holds other records.
        DiskSpaceError: if the images do not fit on the disk.
        DatasetContractError: if an image is damaged.
        LabelParseError: if a label line is wrong.
        WorkerError: if a process that writes is gone.
    """
    if num_shards < 1 or (workers is not None and workers < 1):
        raise ValueError(f"write_records: expected one or more shards and workers, got {num_shards} and {workers}")
    _check_ids(frame_ids, split_name)
    named = list(zip(frame_ids, source_ids(frame_ids), strict=True))
    tolerance = ValidateConfig().edge_tolerance_px if edge_tolerance_px is None else edge_tolerance_px
    num_shards = min(num_shards, len(frame_ids))
    jobs = [
        _ShardJob(
            out_dir / f"{split_name}-{index:05d}-of-{num_shards:05d}.tfrecord",
            tuple((i, number, tree.image_path(i), tree.label_path(i)) for i, number in named[index::num_shards]),
            table,
            tolerance,
            dict(neutral or {}),
            embeds=images_of is None,
        )
        for index in range(num_shards)
    ]
    _prepare_folder(out_dir, jobs)
    if workers is None:
        workers = 1 if len(frame_ids) < _FRAMES_WORTH_A_POOL else os.cpu_count() or 1
    facts: dict[str, _ShardFacts] = {}
    for written in _run(jobs, min(workers, num_shards), executor):
        facts[written.shard.name] = written
        if progress is not None:
            progress(sum(done.shard.frames for done in facts.values()), len(frame_ids))
    manifest = _summarise([facts[job.path.name] for job in jobs], split_name, table, images_of)
    write_manifest(out_dir, manifest)
    log.info(
        "records.written split=%s frames=%d objects=%d shards=%d digest=%s",
        *(split_name, manifest.num_frames, manifest.num_objects, num_shards, manifest.digest[:16]),
    )
    return manifest


def _check_ids(frame_ids: Sequence[str], split_name: str) -> None:
    if not frame_ids:
        raise RecordError(
            f"split {split_name!r}: expected one or more frames, got 0. Check the split and the data set."
        )
    repeated = [frame_id for frame_id, count in Counter(frame_ids).items() if count > 1]
    if repeated:
        raise RecordError(
            f"split {split_name!r}: expected every frame once, got several of {repeated[:5]}. "
            "Correct the list of frames."
        )


def _prepare_folder(out_dir: Path, jobs: Sequence[_ShardJob]) -> None:
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        expected = {job.path.name for job in jobs}
        others = sorted(p.name for p in out_dir.glob("*.tfrecord*") if p.name not in expected and p.name[0] != ".")
        if others or (out_dir / MANIFEST_NAME).exists():
            raise RecordError(
                f"{out_dir}: expected an empty folder, got {others[0] if others else MANIFEST_NAME}. "
                "Records are never overwritten; choose another folder."
            )
        for leftover in out_dir.glob(partial_path(Path("*")).name):
            leftover.unlink()
        needed = sum(
            _BYTES_AROUND_IMAGE + job.embeds * image.stat().st_size for job in jobs for *_, image, _ in job.frames
        )
        free = shutil.disk_usage(out_dir).free
    except OSError as error:
        raise RecordError(f"{error.filename or out_dir}: cannot prepare the records: {error.strerror}.") from error
    if needed > free:
        raise DiskSpaceError(
            f"{out_dir}: expected room for {needed / 1e9:.2f} GB of records, got {free / 1e9:.2f} GB. "
            "Free some space or choose a folder on another disk."
        )


def _run(jobs: Sequence[_ShardJob], workers: int, executor: Executor | None) -> Iterator[_ShardFacts]:
    """Yield the facts of each shard as it is finished."""
    if executor is not None:
        yield from (facts for _, facts in run_batches(_write_shard, jobs, executor, doing="writing records"))
    elif workers == 1:
        yield from map(_write_shard, jobs)
    else:
        # Spawned, not forked: the caller may have TensorFlow's threads running, and a fork would copy their locks.
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_end_with_parent) as pool:
            yield from _run(jobs, workers, pool)


def _end_with_parent() -> None:
    """Make this process exit when its parent is gone: a kill -9 of the run must not leave writers behind."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        sentinel = parent.sentinel
        threading.Thread(target=lambda: (wait([sentinel]), os._exit(1)), daemon=True).start()


def _write_shard(job: _ShardJob) -> _ShardFacts:
    """Write one shard, frame by frame."""
    counts: Counter[str] = Counter()
    regions: list[list[int]] = []
    object_counts = []
    try:
        with ShardWriter(job.path) as writer:
            for frame_id, source_id, image_path, label_path in job.frames:
                encoded = image_path.read_bytes()
                header = check_image_bytes(encoded, where=str(image_path))
                frame = Frame(frame_id, image_path, header.size_wh, label_rows(label_path, job.table))
                features = frame_features(
                    frame,
                    job.table,
                    source_id=source_id,
                    image_format=image_format(encoded),
                    edge_tolerance_px=job.edge_tolerance_px,
                    neutral=job.neutral,
                )
                if job.embeds:
                    writer.write(*encode_with_blob(features, ENCODED, encoded))
                else:
                    features[CRC32C] = ("int64", [google_crc32c.value(encoded)])
                    writer.write(*encode_with_blob(features, SHA256, hashlib.sha256(encoded).hexdigest().encode()))
                _, class_ids = frame.labelled(job.table)
                counts.update(job.table.name_of(int(class_id)) for class_id in class_ids)
                object_counts.append(len(class_ids))
                regions.append([class_id for _, class_id in ignored_regions(frame, job.table, job.neutral)])
    except OSError as error:
        raise RecordError(f"{error.filename or job.path}: cannot write the records: {error.strerror}.") from error
    shard = Shard(job.path.name, len(job.frames), writer.size, writer.sha256)
    each = [len(ids) for ids in regions]
    return _ShardFacts(shard, counts, sum(each), max(object_counts), max(each), any(map(any, regions)))


def _summarise(
    facts: Sequence[_ShardFacts], split_name: str, table: ClassTable, images_of: str | None
) -> RecordsManifest:
    counts = sum((f.counts for f in facts), Counter())
    shards = tuple(f.shard for f in facts)
    return RecordsManifest(
        split=split_name,
        num_frames=sum(shard.frames for shard in shards),
        num_objects=sum(counts.values()),
        num_dont_care=sum(f.num_dont_care for f in facts),
        counts={name: counts[name] for name in table.names},
        table=table,
        max_objects=max(f.max_objects for f in facts),
        max_dont_care=max(f.max_dont_care for f in facts),
        shards=shards,
        digest=records_digest(table, shards),
        images_of=images_of,
        class_regions=any(f.class_regions for f in facts),
    )
