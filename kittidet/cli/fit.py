"""``kittidet fit``: the variant and input size that make the best of a latency on this machine."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from kittidet.cli.options import ConfigFile, DataDir, Overrides, Preset
from kittidet.cli.steps import pipeline_verb
from kittidet.cli.tables import score_table
from kittidet.config import VARIANTS
from kittidet.presets import DEFAULT_PRESET
from kittidet.progress import FileProgress

if TYPE_CHECKING:
    from kittidet.export.budget import Candidate

LatencyMs = Annotated[
    float,
    typer.Option("--latency-ms", min=0.1, max=100_000, help="The most that a forward pass of one image may take."),
]
On = Annotated[str, typer.Option("--on", help="Runtime: keras, or an export format such as onnx or tflite_int8.")]
VariantNames = Annotated[list[str] | None, typer.Option("--variant", help="To choose from; repeat.")]
Widths = Annotated[
    list[int] | None, typer.Option("--width", min=64, max=4096, help="Input width to choose from; repeat.")
]
Rounds = Annotated[int, typer.Option("--rounds", min=1, max=100_000, help="Forward passes of each that are counted.")]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, max=1024, help="Of the runtime; default: one for each processor.")
]
_VARIANTS = ("lite0", "lite1", "lite2", "d0", "d1", "d2")
_WIDTHS = (384, 512, 640, 768, 896, 1024, 1152, 1280)
_SHOWN = 12


def fit(
    latency_ms: LatencyMs,
    overrides: Overrides = None,
    on: On = "tflite_float16",
    variant: VariantNames = None,
    width: Widths = None,
    rounds: Rounds = 20,
    threads: Threads = None,
    config: ConfigFile = None,
    preset: Preset = DEFAULT_PRESET,
    data: DataDir = None,
) -> None:
    """Measure a few networks here, predict the others, and pick variant and input size for a latency.

    Among those whose anchors reach the objects of the training data, the slowest that fits is picked.
    """
    variants = list(dict.fromkeys(variant or _VARIANTS))
    widths = sorted(set(width or _WIDTHS))
    unknown = [name for name in variants if name not in VARIANTS]
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is not one of {', '.join(VARIANTS)}.", param_hint="--variant")
    if len(widths) < 2:
        raise typer.BadParameter(
            "expected two or more: the times of others are predicted from them", param_hint="--width"
        )

    def work(store: Any, config: Any, progress: FileProgress) -> Callable[[], None]:
        from kittidet.export.budget import (
            check_runtime,
            find_candidates,
            fit_lines,
            image_size_wh,
            input_sizes,
            measure,
        )
        from kittidet.export.latency import set_tensorflow_threads
        from kittidet.machine import describe_load
        from kittidet.steps.pipeline import write_data

        check_runtime(on)
        records = store.read(write_data(store, config, progress=progress).train_records)
        count = threads or os.cpu_count() or 1
        set_tensorflow_threads(count)
        sizes = input_sizes(image_size_wh(records), widths)
        ends = [(name, hw) for name in variants for hw in (sizes[0], sizes[-1])]
        machine = describe_load()
        settings: dict[str, Any] = {
            "runtime": on,
            "classes": len(config.records.table()),
            "threads": count,
            "rounds": rounds,
        }
        lines = fit_lines({point: timing.median_ms for point, timing in measure(ends, **settings).items()})
        found = find_candidates(lines, sizes, latency_ms=latency_ms, records_dir=records)
        picked = found[0]
        timing = measure([(picked.variant, picked.input_hw)], **settings)[picked.variant, picked.input_hw]
        return lambda: _show(found, timing.best_ms, timing.median_ms, f"{on}, {count} threads, {machine}", latency_ms)

    work.__name__ = "fit"
    pipeline_verb(work)(overrides, config, preset, data)


def _show(found: "Sequence[Candidate]", best_ms: float, median_ms: float, how: str, latency_ms: float) -> None:
    table = score_table(
        f"Fit {latency_ms:g} ms: {how}", ("variant", "input", "predicted ms", "objects reached"), left=("variant",)
    )
    for one in found[:_SHOWN]:
        height, width = one.input_hw
        table.add_row(one.variant, f"{width} x {height}", f"{one.predicted_ms:.1f}", f"{one.covered or 0.0:.0%}")
    picked = found[0]
    console = Console(highlight=False)
    console.print(table)
    console.print(
        f"picked {picked.variant}: predicted {picked.predicted_ms:.1f} ms, measured {median_ms:.1f} ms in the median, "
        f"{best_ms:.1f} ms at best\n  model.variant={picked.variant} "
        f"'model.input_hw=[{picked.input_hw[0]}, {picked.input_hw[1]}]'",
        soft_wrap=True,
        markup=False,
    )
