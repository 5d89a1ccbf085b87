"""What a machine leaves in an object store of a run that it published: which step outputs the run is made of.

Runs lie on the disks of those who made them; who prunes the object store knows of them by these notes alone.
"""

import platform
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from kittidet.errors import StoreError
from kittidet.object_store import ObjectStore
from kittidet.runs.run import Run

RUNS = "runs"


class RunNote(BaseModel):
    """A published run, by what it needs.

    Attributes:
        digest: of the run.
        machine: where it was published.
        path: its folder there.
        outputs: digests of the keys of its step outputs.
        names: parts of the paths in its configuration that may name one, such as that of a frozen split's lists.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    digest: str
    machine: str
    path: Path
    outputs: tuple[str, ...]
    names: tuple[str, ...] = ()

    @classmethod
    def read(cls, content: bytes, *, where: str) -> "RunNote":
        """Return the note in an object.

        Raises:
            StoreError: if it is none.
        """
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            raise StoreError(f"{where}: not the note of a run. Remove it, and publish that run again.") from error


def note_run(objects: ObjectStore, run: Run, digest: str, outputs: Sequence[str]) -> None:
    """Leave the note of a run, once.

    Raises:
        StoreError: if the object store cannot be asked.
    """
    split = run.config.split
    names = [part for path in (split.train_list, split.val_list) if path is not None for part in path.parts]
    note = RunNote(digest=digest, machine=platform.node(), path=run.path, outputs=tuple(outputs), names=tuple(names))
    objects.create(f"{RUNS}/{digest}.json", note.model_dump_json(indent=1).encode())
