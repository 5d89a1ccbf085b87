"""The ``--json FILE`` option: refused before the work where it cannot be written, and written whole."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kittidet.errors import EvaluationError

JsonFile = Annotated[Path | None, typer.Option("--json", help="Write everything here.")]


def check_json_file(path: Path | None) -> None:
    """Return quietly if there is nothing to write, or a folder to write it in.

    Raises:
        EvaluationError: naming the folder that is missing.
    """
    if path is not None and (path.is_dir() or not path.parent.is_dir()):
        what = "is a folder" if path.is_dir() else f"the folder {path.parent} does not exist"
        raise EvaluationError(f"--json {path}: {what}. Name a file in a folder that is there.")


def write_json_file(path: Path | None, content: Any) -> None:
    """Write a JSON document if a file is named, and print where it is.

    Raises:
        EvaluationError: if the file cannot be written.
    """
    from rich.console import Console

    from kittidet.files import write_text_atomic

    if path is None:
        return
    try:
        write_text_atomic(path, json.dumps(content, indent=1) + "\n")
    except OSError as error:
        raise EvaluationError(f"--json {path}: cannot be written: {error.strerror or error}.") from error
    Console().print(f"saved in {path}", soft_wrap=True, markup=False)
