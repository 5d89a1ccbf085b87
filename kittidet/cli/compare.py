"""``kittidet compare``: is run B better than run A?"""

from pathlib import Path
from typing import Annotated

import typer

from kittidet.cli.json_file import JsonFile, check_json_file, write_json_file
from kittidet.cli.tables import score_table
from kittidet.eval.score_text import NO_TRUTH

RunA = Annotated[Path, typer.Argument(metavar="RUN_A", help="Run folder to compare with, such as the one in use.")]
RunB = Annotated[Path, typer.Argument(metavar="RUN_B", help="Run folder of the candidate.")]
Resamples = Annotated[
    int | None, typer.Option("--resamples", min=100, max=1_000_000, help="Bootstrap draws; default 1000.")
]
Confidence = Annotated[
    float | None,
    typer.Option("--confidence", min=0.51, max=0.999, help="Share of draws inside an interval; default 0.95."),
]
Seed = Annotated[int | None, typer.Option("--seed", help="Of the draws; default 0.")]
Gate = Annotated[bool, typer.Option("--gate", help="Exit 1 unless RUN_B is better: the promotion gate.")]


def compare(
    run_a: RunA,
    run_b: RunB,
    resamples: Resamples = None,
    confidence: Confidence = None,
    seed: Seed = None,
    json_file: JsonFile = None,
    gate: Gate = False,
) -> None:
    """Compare two runs on the same frames: differences with intervals, and a verdict."""
    from rich import box
    from rich.console import Console

    from kittidet.config import CompareConfig
    from kittidet.runs.compare import compare_runs
    from kittidet.runs.run import Run

    check_json_file(json_file)
    given = {"resamples": resamples, "confidence": confidence, "seed": seed}
    settings = CompareConfig.model_validate({name: value for name, value in given.items() if value is not None})
    result = compare_runs(Run.open(run_a), Run.open(run_b), **settings.model_dump())
    # No frame and one space between columns: the longest class and verdict then fit 80 columns.
    table = score_table(
        f"{result.run_b} against {result.run_a}, {result.n_frames} frames, "
        f"{result.confidence:.0%} intervals of {result.resamples} draws",
        ("class", "", "A", "B", "B - A", "interval", "B is"),
        left=("class", "", "B is"),
        box=box.SIMPLE_HEAD,
        show_edge=False,
        collapse_padding=True,
        pad_edge=False,
    )
    for column in table.columns:
        column.no_wrap = True
    for item in result.differences:
        if item.difference is None:
            if item.metric == "ap":
                table.add_row(item.class_name, *[""] * 5, NO_TRUTH)
            continue
        values = [f"{item.a:.3f}", f"{item.b:.3f}", f"{item.difference:+.3f}"]
        first = item.class_name if item.metric == "ap" else ""
        style = "bold" if item.class_name == "all" else None
        table.add_row(
            first, item.metric.upper(), *values, f"{item.low:+.3f} {item.high:+.3f}", item.verdict, style=style
        )
    console = Console()
    console.print(table)
    if result.verdict == "not distinguishable":
        console.print(f"{result.run_a} and {result.run_b} are not distinguishable by AP", soft_wrap=True)
    else:
        console.print(f"{result.run_b} is {result.verdict} than {result.run_a} by AP", soft_wrap=True)
    write_json_file(json_file, result.to_json())
    if gate and result.verdict != "better":
        raise typer.Exit(1)
