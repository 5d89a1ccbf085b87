"""``kittidet parity``: the detector held against stored outputs of the reference implementation."""

from pathlib import Path
from typing import Annotated

import typer


def parity(
    oracle: Annotated[Path, typer.Argument(help="Folder with the reference's outputs (.npz files).")] = Path(
        "../shared/oracle"
    ),
) -> None:
    """Compare every variant with the reference's stored outputs, file by file; exit 1 if one differs."""
    from kittidet.cli.parity import parity as print_parity  # noqa: PLC0415  loads TensorFlow

    try:
        passed = print_parity(oracle)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if not passed:
        raise typer.Exit(1)
