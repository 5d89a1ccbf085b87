"""Size, latency and AP of every export of a run beside the Keras network it was made from."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from kittidet.config import EvalConfig
from kittidet.detect.checkpoint import detector_path
from kittidet.detect.detector import Detector
from kittidet.errors import ExportError
from kittidet.export.formats import is_model_file, megabytes, open_raw
from kittidet.export.held_out import compare_ap, held_out_frames
from kittidet.export.latency import set_tensorflow_threads, time_in_turns
from kittidet.export.opened import check_fits
from kittidet.export.signature import RawModel
from kittidet.machine import describe_load
from kittidet.model.anchors import anchors_of

KERAS = "Keras"


@dataclass(frozen=True, slots=True)
class Row:
    """One contender.

    Attributes:
        name: of its file; ``Keras`` for the network itself.
        megabytes: its size.
        best_ms: the shortest forward pass of one image.
        median_ms: of all rounds.
        speedup: Keras' best over its best.
        ap: on the frames of the benchmark, 0..1; None where it was not asked for.
    """

    name: str
    megabytes: float
    best_ms: float
    median_ms: float
    speedup: float
    ap: float | None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """All contenders of one process.

    Attributes:
        rows: Keras first.
        input_hw: of the network, pixels.
        threads: of every runtime.
        tensorflow_threads: whether TensorFlow could be told that number.
        rounds: counted, after three that are not.
        frames: validation frames that AP is of; 0 where it was not asked for.
        machine: processors, and the load when the times were taken.
    """

    rows: tuple[Row, ...]
    input_hw: tuple[int, int]
    threads: int
    tensorflow_threads: bool
    rounds: int
    frames: int
    machine: str

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return asdict(self)


def find_exports(folder: Path) -> list[Path]:
    """Return the exported models in a folder, sorted.

    Raises:
        ExportError: if there is none.
    """
    found = sorted(path for path in folder.glob("*") if is_model_file(path)) if folder.is_dir() else []
    if not found:
        raise ExportError(f"{folder}: expected exported models, got none. Make some with `kittidet export`.")
    return found


def run_benchmark(
    source: Path,
    exports: Sequence[Path],
    *,
    rounds: int,
    threads: int | None = None,
    val_records: Path | None = None,
    check_frames: int = 0,
    evaluation: EvalConfig | None = None,
) -> Benchmark:
    """Return times, sizes and AP of the exports of a detector, and of its own network.

    Args:
        source: a run folder (its best checkpoint) or a checkpoint folder.
        exports: files and folders whose network is that of the source.
        rounds: forward passes of one image each that are counted.
        threads: of every runtime; None: one for each processor.
        val_records: of the frames to score on; None: no AP.
        check_frames: at most so many of them.
        evaluation: of the scoring; None: the defaults.

    Raises:
        CheckpointMismatchError: if the source is no checkpoint.
        ExportError: if an export cannot be opened or is of another network.
        RecordError: if the records are damaged.
    """
    count = threads or os.cpu_count() or 1
    told = set_tensorflow_threads(count)
    detector = Detector.load(detector_path(source))
    alone = Counter(path.name for path in exports)
    names = [path.name if alone[path.name] == 1 else str(path) for path in exports]
    raws = [open_raw(path, threads=count) for path in exports]
    anchors, classes = len(anchors_of(detector.model)), len(detector.table)
    for raw in raws:
        check_fits(raw, detector.model, anchors=anchors, classes=classes)
    scores: dict[str, float] = {}
    frames = 0
    if val_records is not None and check_frames:
        some = held_out_frames(val_records, detector.model, at_most=check_frames)
        for name, raw in zip(names, raws, strict=True):
            kept = compare_ap(raw, detector, some, evaluation=evaluation or EvalConfig(), what=name)
            scores |= {name: kept.exported, KERAS: kept.source}
            frames = kept.frames
    image = np.random.default_rng(0).normal(size=(1, *detector.model.input_hw, 3)).astype(np.float32)
    contenders: dict[str, Callable[[], object]] = {KERAS: keras_pass(detector.network, image)}
    contenders |= {name: _pass(raw, image) for name, raw in zip(names, raws, strict=True)}
    machine = describe_load()
    times = time_in_turns(contenders, rounds=rounds)
    sizes = {KERAS: detector_path(source), **dict(zip(names, exports, strict=True))}
    rows = tuple(
        Row(
            name,
            megabytes(sizes[name]),
            timing.best_ms,
            timing.median_ms,
            times[KERAS].best_ms / timing.best_ms,
            scores.get(name),
        )
        for name, timing in times.items()
    )
    return Benchmark(rows, detector.model.input_hw, count, told, rounds, frames, machine)


def keras_pass(network: Any, image: Any) -> Callable[[], object]:
    """Return the forward pass of a Keras network on one image as a compiled function of nothing."""
    run = tf.function(lambda images: dict(network(images, training=False)))
    run = run.get_concrete_function(tf.TensorSpec(image.shape, tf.float32))
    constant = tf.constant(image)
    return lambda: [value.numpy() for value in run(constant).values()]


def _pass(raw: RawModel, image: Any) -> Callable[[], object]:
    return lambda: raw(image)
