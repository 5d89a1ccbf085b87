"""Step outputs by content: a folder per step and digest, published whole or not at all.

A step's identity is the digest of its inputs' digests, the configuration it reads, and the step's own version. Paths
and times are no part of it. A finished folder holds ``_output.json`` (size and sha256 of every file, and the step's
summary); a folder without one is not an output.
"""

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from kittidet.errors import StoreError
from kittidet.files import digest_file, digest_of, list_files, locked, write_json
from kittidet.progress import in_words

log = logging.getLogger(__name__)

MANIFEST = "_output.json"


class StepKey(BaseModel):
    """The identity of one step output: the step's name and the digest of all that made it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: str
    digest: str

    @property
    def name(self) -> str:
        """The folder name, ``<step>-<first 16 digits>``."""
        return f"{self.step}-{self.digest[:16]}"


class StepOutput(StepKey):
    """A published step output, as steps, tasks and runs on other machines pass it on: JSON, never its data.

    It holds no path, so that a store can be moved or shared: ``store.path(output)`` is the folder that holds it.

    Attributes:
        summary: small facts about it (counts, digests, figures), JSON types only.
        cached: whether it was already there; true of one that comes from JSON, which leaves this out.
    """

    summary: dict[str, Any]
    cached: bool = Field(default=True, exclude=True)


def step_key(step: str, version: int, /, **identity: Any) -> StepKey:
    """Return the key of a step from its name, its version and everything it depends on."""
    return StepKey(step=step, digest=digest_of({"step": step, "version": version, "identity": identity}))


class Store:
    """Step outputs under one root folder.

    Args:
        root: the folder; made when first written to.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root).absolute()

    def path(self, key: StepKey) -> Path:
        """Return the folder where an output with this key is, or would be."""
        return self.root / key.name

    def problems(self, key: StepKey, *, thorough: bool = False) -> list[str]:
        """Return what is wrong with the output of this key, one line each; empty if it is complete and undamaged.

        A file whose size and modification time are those of the day it was published is taken as unchanged (tens of
        gigabytes are not read on every run); any other file is hashed. ``thorough`` hashes all of them.
        """
        folder = self.path(key)
        if not (folder / MANIFEST).is_file():
            return [f"{folder}: no {MANIFEST}"]
        manifest = _read_manifest(folder)
        if manifest is None:
            return [f"{folder / MANIFEST}: not a manifest, or changed since it was written"]
        if manifest["digest"] != key.digest:
            return [f"{folder / MANIFEST}: made for another key"]
        files = manifest["files"]
        found = []
        for name, facts in files.items():
            file = folder / name
            if not file.is_file():
                found.append(f"{file}: missing")
                continue
            stat = file.stat()
            same_time = stat.st_mtime_ns == facts["mtime_ns"] and not thorough
            if stat.st_size != facts["size"] or (not same_time and digest_file(file) != facts["sha256"]):
                found.append(f"{file}: changed since it was written")
        return found

    def examine(self) -> Iterator[tuple[Path, list[str]]]:
        """Yield the folder of every output and what is wrong with it, after reading every byte of it."""
        for manifest_path in sorted(self.root.glob(f"*/{MANIFEST}")):
            folder = manifest_path.parent
            manifest = _read_manifest(folder)
            if manifest is None:
                yield folder, [f"{manifest_path}: not a manifest, or changed since it was written"]
            else:
                yield folder, self.problems(StepKey(step=manifest["step"], digest=manifest["digest"]), thorough=True)

    def load(self, key: StepKey) -> StepOutput | None:
        """Return the output of this key if it is complete and undamaged, else None."""
        if self.problems(key):
            return None
        manifest = _read_manifest(self.path(key))
        return None if manifest is None else StepOutput(step=key.step, digest=key.digest, summary=manifest["summary"])

    def get_or_make(
        self, key: StepKey, make: Callable[[Path], dict[str, Any]], *, resumable: bool = False
    ) -> StepOutput:
        """Return the output of this key, making it first where it is absent or damaged.

        Two processes that ask for the same key wait for each other; the second finds the first one's output.

        Args:
            key: what to make.
            make: writes the output into the folder it is given and returns the summary.
            resumable: keep the unfinished folder of a run that died, and hand it to ``make`` again.

        Raises:
            StoreError: if the store cannot be written.
        """
        with locked(self.root / f".{key.name}.lock", waiting_for=key.name, error=self._unwritable):
            final = self.path(key)
            found = self.load(key)
            if found is not None:
                words = in_words(f"{key.step}: done before")
                log.info("step.cached step=%s folder=%s", key.step, final, extra=words)
                return found
            partial = final.with_name(final.name + ".partial")
            if partial.exists() and not resumable:
                shutil.rmtree(partial)
            if final.exists():
                # Damaged: nobody can rely on it, and a half-right folder must not survive beside a new one.
                shutil.rmtree(final)
            try:
                partial.mkdir(parents=True, exist_ok=True)
                summary = make(partial)
                _write_manifest(partial, key, summary)
                partial.rename(final)
            except OSError as error:
                raise StoreError(
                    f"{error.filename or partial}: step {key.step} cannot go on: {error.strerror or error}. "
                    "Make room or make it accessible, then start the same command again; what is done is kept."
                ) from error
            log.info("step.made step=%s folder=%s", key.step, final, extra=in_words(f"{key.step}: done"))
            return StepOutput(step=key.step, digest=key.digest, summary=summary, cached=False)

    def _unwritable(self, error: OSError) -> StoreError:
        return StoreError(
            f"{self.root}: cannot write the store: {error.strerror or error}. "
            "Choose a writable folder with `store_dir`."
        )


def _write_manifest(folder: Path, key: StepKey, summary: Mapping[str, Any]) -> None:
    files = {}
    for file in list_files(folder):
        stat = file.stat()
        files[file.relative_to(folder).as_posix()] = {
            "size": stat.st_size,
            "mtime_ns": stat.st_mtime_ns,
            "sha256": digest_file(file),
        }
    manifest = {"step": key.step, "digest": key.digest, "summary": dict(summary), "files": files}
    # Later keys are made of the summary: a changed one must not pass for the step's own.
    manifest["seal"] = digest_of(manifest)
    write_json(folder / MANIFEST, manifest)


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest as it was written, or None if it is not that."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        seal = manifest.pop("seal")
        return manifest if seal == digest_of(manifest) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
