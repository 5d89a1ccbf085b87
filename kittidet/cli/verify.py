"""``kittidet verify``: is a run still what was published?"""

from pathlib import Path
from typing import Annotated

import typer

from kittidet.cli.log_output import without_native_output

_SAMPLE = 32


@without_native_output
def verify(
    run: Annotated[Path, typer.Argument(help="The run's folder, such as runs/demo.")],
    data: Annotated[
        Path | None, typer.Option("--data", help="The data it was made from; default: its store's.")
    ] = None,
    sample: Annotated[int, typer.Option(min=1, help="Validation images to detect in again.")] = _SAMPLE,
    seed: Annotated[int, typer.Option(help="Of their draw.")] = 0,
    quick: Annotated[
        bool, typer.Option("--quick", help="Detect in none, and take large files as unchanged by size and time.")
    ] = False,
) -> None:
    """Check a run from its data to its numbers, write RUN/certificate.json, exit 1 if anything changed."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape

    from kittidet.cli.tables import score_table
    from kittidet.runs.run import Run
    from kittidet.runs.verify.verification import verify_run, write_certificate

    opened = Run.open(run)
    table = score_table(
        f"{run}", ("checked", "", "result", "note"), left=("checked", "result", "note"), box=box.SIMPLE_HEAD
    )
    checks = list(verify_run(opened, data=data, sample=sample, seed=seed, quick=quick))
    style = {"changed": "bold red", "not checked": "yellow", "same": "green"}
    for check in checks:
        count = f"{check.count:,}" if check.count else ""
        table.add_row(escape(check.what), count, f"[{style[check.state]}]{check.state}[/]", escape(check.note))
    console = Console()
    console.print(table)
    for check in checks:
        for problem in check.problems:
            console.print(f"[red]changed:[/red] {escape(problem)}", soft_wrap=True, highlight=False)
    written = write_certificate(opened, checks, quick=quick, sample=0 if quick else sample, seed=seed)
    console.print(f"certificate: {escape(str(written))}", soft_wrap=True)
    if any(check.problems for check in checks):
        raise typer.Exit(1)
