"""``kittidet benchmark``: size, latency and AP of every export of a run beside the Keras network."""

from pathlib import Path
from typing import Annotated

import typer

from kittidet.cli.json_file import JsonFile, check_json_file, write_json_file
from kittidet.cli.log_output import without_native_output
from kittidet.cli.tables import score_table

Source = Annotated[Path, typer.Argument(metavar="RUN", help="Run folder (its best checkpoint) or checkpoint folder.")]
Exports = Annotated[
    list[Path] | None,
    typer.Option("--export", help="Exported model, or a folder of them; default: RUN/export; repeat."),
]
Rounds = Annotated[int, typer.Option("--rounds", min=1, max=100_000, help="Forward passes of each that are counted.")]
Threads = Annotated[
    int | None, typer.Option("--threads", min=1, max=1024, help="Of every runtime; default: one for each processor.")
]
Frames = Annotated[
    int, typer.Option("--frames", min=0, max=1_000_000, help="At most so many validation frames for AP; 0: no AP.")
]
ValRecords = Annotated[Path | None, typer.Option("--val-records", help="To score on; default: the run's.")]


@without_native_output
def benchmark(
    source: Source,
    export: Exports = None,
    rounds: Rounds = 30,
    threads: Threads = None,
    frames: Frames = 200,
    val_records: ValRecords = None,
    json_file: JsonFile = None,
) -> None:
    """Time a run's exports and its Keras network in turns, on the processor, and score them on the same frames."""
    from rich.console import Console

    from kittidet.eval.score_text import score_text
    from kittidet.export.benchmark import find_exports, run_benchmark
    from kittidet.export.formats import is_model_file
    from kittidet.runs.run import SUMMARY, Run

    check_json_file(json_file)
    given = export or [source / "export"]
    paths = [path for one in given for path in ([one] if is_model_file(one) else find_exports(one))]
    if frames and val_records is None and (source / SUMMARY).is_file():
        val_records = Run.open(source).find_records("val")
    done = run_benchmark(source, paths, rounds=rounds, threads=threads, val_records=val_records, check_frames=frames)
    height, width = done.input_hw
    title = f"One image of {width} x {height}, {done.threads} threads, {rounds} rounds in turns"
    table = score_table(title, ("model", "MB", "best ms", "median ms", "x Keras", "AP"), left=("model",))
    for row in done.rows:
        numbers = (f"{row.megabytes:.1f}", f"{row.best_ms:.1f}", f"{row.median_ms:.1f}", f"{row.speedup:.2f}")
        table.add_row(row.name, *numbers, "" if row.ap is None else score_text(row.ap))
    console = Console()
    console.print(table)
    console.print(
        f"machine: {done.machine}. Times of a busy machine say little; their ratios say more.", soft_wrap=True
    )
    if done.frames:
        console.print(f"AP on {done.frames} validation frames", soft_wrap=True)
    elif frames:
        console.print(
            "no AP: the run's validation records are in no store; name some with --val-records", soft_wrap=True
        )
    if not done.tensorflow_threads:
        console.print("TensorFlow had started: it chose its own number of threads", soft_wrap=True)
    write_json_file(json_file, done.to_json())
