"""``kittidet parity``: the detector held against stored outputs of the reference implementation."""

from pathlib import Path
from typing import Annotated

import typer

from kittidet.cli.log_output import without_native_output


@without_native_output
def parity(
    oracle: Annotated[Path, typer.Argument(help="Folder with the reference's outputs (.npz files).")] = Path(
        "../shared/oracle"
    ),
) -> None:
    """Compare every variant with the reference's stored outputs, file by file; exit 1 if one differs."""
    from rich.console import Console
    from rich.table import Table

    from kittidet.parity.comparison import compare_all  # loads TensorFlow

    table = Table("file", "subject", "outputs", "max abs", "max rel", "pass", title="Parity with google/automl")
    passed = []
    try:
        for file, line in compare_all(oracle):
            mark = "[green]yes[/]" if line.passed else "[red]NO[/]"
            where = file.relative_to(oracle).as_posix()
            table.add_row(where, line.subject, line.outputs, f"{line.max_abs:.2e}", f"{line.max_rel:.2e}", mark)
            passed.append(line.passed)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    console = Console()
    console.print(table)
    console.print(f"{sum(passed)} of {len(passed)} comparisons pass")
    if not all(passed):
        raise typer.Exit(1)
