"""A run's content into its folder: complete or absent, and never written over.

The same run finds its folder again; another one of the same name gets the next free number. What goes into the folder
is decided by the publishing step.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from kittidet.errors import StoreError
from kittidet.files import digest_files, locked, numbered, remove_partials, whole_folder, write_json, write_sealed
from kittidet.runs.run import IDENTITY, Run


@dataclass(frozen=True, slots=True)
class RunContent:
    """What a run folder is made of, by the names of `runs.run`.

    Attributes:
        copies: name -> file or folder to copy.
        documents: name -> JSON to write.
    """

    copies: Mapping[str, Path]
    documents: Mapping[str, Any]


def write_run(runs_dir: Path, name: str, digest: str, content: Callable[[], RunContent]) -> tuple[Run, bool]:
    """Return the run of a digest in ``runs_dir/<name>`` (or ``<name>-2``, ...), and whether it was already there.

    Args:
        runs_dir: where runs are; made if it is not there.
        name: of the run.
        digest: what tells this run from others of its name.
        content: called if the run is not there yet.

    Raises:
        StoreError: if the folder cannot be written, or what goes into it cannot be read.
    """
    with locked(runs_dir / ".lock", waiting_for=str(runs_dir), error=partial(_unwritable, runs_dir)):
        for path in numbered(runs_dir / name):
            if not path.exists():
                break
            if Run(path).holds(digest):
                return Run(path), True
        remove_partials(runs_dir, f"{name}*")
        try:
            made = content()
            with whole_folder(path) as folder:
                for target, source in made.copies.items():
                    (shutil.copytree if source.is_dir() else shutil.copyfile)(source, folder / target)
                for target, document in made.documents.items():
                    write_json(folder / target, document)
                write_sealed(folder / IDENTITY, {"digest": digest, "files": digest_files(folder)})
        except OSError as error:
            raise StoreError(
                f"{error.filename or path}: cannot publish the run: {error.strerror or error}. "
                "Make room or make it accessible, then start the same command again; no step is lost."
            ) from error
    return Run(path), False


def _unwritable(runs_dir: Path, error: OSError) -> StoreError:
    return StoreError(f"{runs_dir}: cannot write runs: {error.strerror or error}. Set a writable runs_dir.")
