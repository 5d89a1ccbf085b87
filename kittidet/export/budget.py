"""Which variant and input size fit a latency: a few measured, the rest by a line in pixels; anchors decide among them.

What a forward pass takes grows with the pixels of its input, a variant's convolutions being the same at every size. So
two or more sizes of each variant are measured, with random weights, in the runtime that is asked for, and all others
predicted.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from kittidet.config import ModelConfig
from kittidet.config_export import CALIBRATED, ExportFormat
from kittidet.errors import ExportError
from kittidet.export.benchmark import keras_pass
from kittidet.export.formats import RAW_FORMATS, open_raw
from kittidet.export.latency import Timing, time_in_turns
from kittidet.export.onnx import check_onnx_installed
from kittidet.model.efficientdet import build_efficientdet
from kittidet.progress import in_words
from kittidet.records.manifest import read_manifest
from kittidet.records.message import decode_example
from kittidet.records.shard import read_records
from kittidet.training.preflight import share_covered

log = logging.getLogger(__name__)

KERAS = "keras"
Size = tuple[int, int]
# A side must divide by this for every pyramid level down to stride 32 to be whole.
_STEP = 32
# Anchors that reach this much less of the objects are as good as the best.
_AS_GOOD = 0.02
# Latency does not depend on what 8-bit numbers stand for: noise will do.
_NOISE_IMAGES = 2


@dataclass(frozen=True, slots=True)
class Candidate:
    """A variant at an input size.

    Attributes:
        variant: of the network.
        input_hw: height and width, pixels.
        predicted_ms: of a forward pass of one image.
        covered: share of objects that its anchors reach; None before that was looked at.
    """

    variant: str
    input_hw: Size
    predicted_ms: float
    covered: float | None = None


def input_sizes(size_wh: tuple[int, int], widths: Sequence[int]) -> list[Size]:
    """Return input sizes ``(height, width)`` of these widths that images of a size fill."""
    width, height = size_wh
    return [(max(_STEP, -(-w * height // (width * _STEP)) * _STEP), w) for w in widths]


def image_size_wh(records_dir: Path) -> Size:
    """Return width and height of the first image in a folder of records, pixels.

    Raises:
        RecordError: if the records are damaged.
    """
    path = records_dir / read_manifest(records_dir).shards[0].name
    features = decode_example(next(iter(read_records(path))), where=str(path))
    return int(features["image/width"][1][0]), int(features["image/height"][1][0])


def measure(
    points: Sequence[tuple[str, Size]], *, runtime: str, classes: int, threads: int, rounds: int
) -> dict[tuple[str, Size], Timing]:
    """Return the times of a forward pass of variants at input sizes, with random weights, measured in turns.

    Raises:
        ExportError: if the runtime is not installed or cannot hold a network.
    """
    contenders: dict[str, Callable[[], object]] = {}
    names = {f"{variant} {hw[1]}x{hw[0]}": (variant, hw) for variant, hw in points}
    with TemporaryDirectory() as folder:
        for name, (variant, input_hw) in names.items():
            log.info(
                "fit.prepare model=%s runtime=%s", name, runtime, extra=in_words(f"preparing {name} for {runtime}")
            )
            contenders[name] = _forward_pass(variant, input_hw, runtime, classes, threads, Path(folder))
        times = time_in_turns(contenders, rounds=rounds)
    return {names[name]: timing for name, timing in times.items()}


def fit_lines(measured: Mapping[tuple[str, Size], float]) -> dict[str, npt.NDArray[np.float64]]:
    """Return for each variant the line ``[ms a pixel, ms]`` through what was measured, nearest in parts of the time.

    Args:
        measured: (variant, input size) -> milliseconds.

    Raises:
        ValueError: if a variant was measured at fewer than two sizes.
    """
    lines = {}
    for variant in dict.fromkeys(variant for variant, _ in measured):
        found = {hw: ms for (name, hw), ms in measured.items() if name == variant}
        pixels = np.array([height * width for height, width in found], np.float64)
        times = np.array(list(found.values()))
        if len(set(pixels)) < 2:
            raise ValueError(f"fit_lines: expected two sizes or more of {variant}, got {list(found)}")
        # By relative error: 10 % of a small network count as much as 10 % of a large one.
        lines[variant] = np.polyfit(pixels, times, 1, w=1 / times)
    return lines


def predict_ms(lines: Mapping[str, npt.NDArray[np.float64]], variant: str, input_hw: Size) -> float:
    """Return what a forward pass of a variant at an input size takes by its line, milliseconds."""
    return float(np.polyval(lines[variant], input_hw[0] * input_hw[1]))


def find_candidates(
    lines: Mapping[str, npt.NDArray[np.float64]], sizes: Sequence[Size], *, latency_ms: float, records_dir: Path
) -> list[Candidate]:
    """Return what fits a latency, the choice first.

    Among those whose anchors reach nearly as many objects as any, the slowest comes first: time that is there is best
    spent on a larger network.

    Args:
        lines: see `fit_lines`.
        sizes: input sizes to choose from.
        latency_ms: the most that a forward pass may take.
        records_dir: objects for the anchors.

    Raises:
        ExportError: if nothing fits.
        RecordError, TrainingError: if the records cannot be used.
    """
    predicted = [Candidate(v, hw, predict_ms(lines, v, hw)) for v in lines for hw in sizes]
    fitting = [one for one in predicted if one.predicted_ms <= latency_ms]
    if not fitting:
        least = min(predicted, key=lambda one: one.predicted_ms)
        height, width = least.input_hw
        raise ExportError(
            f"nothing fits {latency_ms:g} ms: the fastest, {least.variant} at {width} x {height}, takes "
            f"{least.predicted_ms:.1f} ms here. Allow more, name smaller --width, or another runtime."
        )
    manifest = read_manifest(records_dir)
    reached = [
        Candidate(
            one.variant,
            one.input_hw,
            one.predicted_ms,
            share_covered(records_dir, manifest, model=ModelConfig(variant=one.variant, input_hw=one.input_hw)),
        )
        for one in fitting
    ]
    best = max(one.covered or 0.0 for one in reached)
    return sorted(reached, key=lambda one: (_shortfall(one, best), -one.predicted_ms))


def _shortfall(one: Candidate, best: float) -> float:
    """Return how many objects fewer than the best a candidate reaches, 0 where it is as good."""
    missing = best - (one.covered or 0.0)
    return 0.0 if missing <= _AS_GOOD else missing


def _forward_pass(
    variant: str, input_hw: Size, runtime: str, classes: int, threads: int, folder: Path
) -> Callable[[], object]:
    network = build_efficientdet(variant, classes, input_hw)
    noise = np.random.default_rng(0).normal(size=(_NOISE_IMAGES, *input_hw, 3)).astype(np.float32)
    if runtime == KERAS:
        return keras_pass(network, noise[:1])
    form = RAW_FORMATS[_known(runtime)]
    path = folder / f"{variant}-{input_hw[1]}x{input_hw[0]}-{form.name}"
    form.write(network, path, (lambda: iter(noise)) if runtime in CALIBRATED else None)
    raw = open_raw(path, threads=threads)
    return lambda: raw(noise[:1])


def check_runtime(runtime: str) -> None:
    """Return quietly if networks can be timed in a runtime that is installed.

    Raises:
        ExportError: listing those that they can be timed in, or naming what is missing.
    """
    if runtime != KERAS:
        _known(runtime)
    if runtime.startswith("onnx"):
        check_onnx_installed()


def _known(runtime: str) -> ExportFormat:
    for name in RAW_FORMATS:
        if name == runtime:
            return name
    raise ExportError(f"--on {runtime}: expected one of {', '.join((KERAS, *RAW_FORMATS))}.")
