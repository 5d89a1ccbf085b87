"""What a run is about to do, printed before it starts, and where its results are and what to do with them, after."""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from kittidet.config import RunConfig
from kittidet.machine import find_accelerators, usable_cores
from kittidet.runs.run import TENSORBOARD

# Verbs that end before the network is needed.
_DATA_VERBS = ("fetch", "validate", "split", "records")


def print_header(verb: str, config: RunConfig, log_path: Path) -> None:
    """Print on the error stream what a verb of the pipeline is about to do with this configuration."""
    console = Console(stderr=True, highlight=False)
    for subject, text in (*describe_run(verb, config), ("log", str(log_path))):
        console.print(Text.assemble((f"{subject:<10}", "bold"), text), soft_wrap=True)


def describe_run(verb: str, config: RunConfig) -> Iterator[tuple[str, str]]:
    """Yield (subject, words) for the header."""
    yield "data", _describe_source(config)
    if verb in _DATA_VERBS[:2]:
        yield "output", f"store {config.store_dir}"
        return
    yield "split", config.split.method
    table = config.records.table()
    yield "classes", f"{len(table)}: {', '.join(table.names)}{table.of_others}"
    if verb not in _DATA_VERBS:
        model, train = config.model, config.train
        height, width = model.input_hw
        yield "network", f"EfficientDet-{model.variant} at {width}x{height} from {_describe_start(config)}"
        after = f" after {train.extends[-1]}" if train.extends else ""
        epochs = train.epochs - max(train.extends, default=0)
        yield "training", f"{epochs} epochs{after}, batch {train.batch_size}, {train.optimizer}"
        yield "device", ", ".join(find_accelerators()) or f"no GPU, {usable_cores()} cores"
    results = f", results in {config.runs_dir / config.name}" if verb == "run" else ""
    yield "output", f"store {config.store_dir}{results}"


def print_next_steps(run_dir: Path, summary: dict[str, Any], report_page: Path, seconds: float) -> None:
    """Print in words how a run ended, where its results are, and which commands take them further."""
    console = Console(highlight=False)
    run_dir, report_page = _near(run_dir), _near(report_page)
    best = next(row for row in summary["checkpoints"] if row["step"] == summary["best_step"])
    run = shlex.quote(str(run_dir))
    done = f"Done in {describe_seconds(seconds)}. The best checkpoint is that of epoch {best['epoch']}"
    lines = (
        f"{done}: AP {summary['ap']:.3f} on {summary['n_val']} validation frames.",
        f"Results saved to {run_dir}",
        f"Report:          {report_page}",
        "Next:",
        f"  kittidet predict IMAGES --model {run}  # finds objects in your images",
        f"  kittidet report {run} --gallery-frames 12  # makes the report again, with more images",
        f"  kittidet export {run} --to onnx  # writes the detector for use elsewhere",
    )
    curves = run_dir / TENSORBOARD
    watch = [f"  tensorboard --logdir {shlex.quote(str(curves))}  # shows the curves of the training"]
    for line in (*lines, *(watch if curves.is_dir() else ())):
        console.print(line, soft_wrap=True, markup=False)


def describe_seconds(seconds: float) -> str:
    """Return a duration as a person says it: ``8 s``, ``5 min 56 s``, ``3 h 12 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _describe_source(config: RunConfig) -> str:
    source = config.source
    if source.kind == "official":
        return f"official KITTI archives (12 GB) from {source.base_url}"
    if source.kind == "synthetic":
        return f"{source.synthetic_frames} synthetic frames"
    return f"{source.kind} {source.annotations if source.kind == 'coco' else source.path}"


def _describe_start(config: RunConfig) -> str:
    weights = config.train.initial_weights
    if weights is None:
        return "random weights (not a fine-tune)"
    named = {"coco": "the published COCO weights", "starter": "the bundled starter weights"}
    return named.get(str(weights), str(weights))


def _near(path: Path) -> Path:
    """Return a path as it is typed in this folder."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
