"""Step outputs by content: a folder per step and digest, published whole or not at all.

A step's identity is the digest of its inputs' digests, the configuration it reads, and the step's own version. Paths
and times are no part of it. A finished folder holds ``_output.json`` (size and sha256 of every file, and the step's
summary); a folder without one is not an output. `Store.read` is the one door to what a step left: it hashes what it
hands out. `Store.path` is for names in messages.

A store on a URL is the same folder as a cache of this machine: what it lacks is fetched before it is made, and what is
made is shared (`shared_outputs`).
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field

from kittidet.errors import DamagedOutputError, StoreError
from kittidet.files import digest_file, digest_of, list_files, locked, read_sealed, write_sealed, write_text_atomic
from kittidet.object_store import ObjectStore
from kittidet.progress import in_words
from kittidet.shared_outputs import SharedOutputs
from kittidet.store_place import local_folder, store_place

log = logging.getLogger(__name__)

MANIFEST = "_output.json"
# What a reader found wrong with an output, one line each; with it, the output is made again.
DAMAGED = "_damaged.txt"
# Files up to this size are hashed whenever their output is looked up: lists, findings, metrics, labels. KITTI's images
# are larger, 6 GB of them: looked up, they count by size and time; read, by their digest.
SMALL_BYTES = 64 * 1024


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
    """Step outputs under one root folder, shared by way of an object store where the place is a URL.

    Args:
        place: the folder, made when first written to; or a URL such as ``s3://bucket/prefix``.

    Attributes:
        root: the folder on this machine, absolute.
        place: what another process opens this store by: the folder, or the URL.
        shared: the outputs in the object store; None of a folder.

    Raises:
        ValueError: on a URL of another kind.
    """

    def __init__(self, place: Path | str) -> None:
        self.root = local_folder(place)
        url = store_place(place)
        self.place: Path | str = url if isinstance(url, str) else self.root
        self.shared = SharedOutputs(ObjectStore(url), MANIFEST) if isinstance(url, str) else None

    def path(self, key: StepKey) -> Path:
        """Return the folder where an output with this key is, or would be."""
        return self.root / key.name

    def read(self, output: StepKey, name: str = "") -> Path:
        """Return where a file or folder of an output is, once every byte of it is found to be what its step wrote.

        Args:
            output: whose file it is.
            name: path within the output; empty: all of it.

        Raises:
            DamagedOutputError: naming the file, what was expected and what was found. The next request of the output
                makes it again.
        """
        self.bring(output)
        problems = self.problems(output, within=name, thorough=True)
        if problems:
            self.distrust(output, problems)
        return self.path(output) / name

    def bring(self, key: StepKey) -> None:
        """Fetch an output that this machine lacks and the object store has.

        Raises:
            StoreError: if the object store cannot be asked, or the folder cannot be written.
        """
        if self.shared is not None and not (self.path(key) / MANIFEST).is_file():
            with self._alone(key):
                if not (self.path(key) / MANIFEST).is_file():
                    self._fetch(key)

    def distrust(self, output: StepKey, problems: Sequence[str]) -> NoReturn:
        """Note what is wrong with an output, so that its next request makes it again.

        Raises:
            DamagedOutputError: always.
        """
        with suppress(OSError):  # who cannot write here cannot make it again either
            write_text_atomic(self.path(output) / DAMAGED, "".join(f"{line}\n" for line in problems))
        raise DamagedOutputError(
            f"{_first_of(problems)}. Start the same command again: step {output.step} is made again, others are kept."
        )

    def digests(self, key: StepKey) -> dict[str, str] | None:
        """Return the sha256 of every file of an output, by its path in it, as its step wrote them; None without one."""
        manifest = read_sealed(self.path(key) / MANIFEST)
        return None if manifest is None else {name: facts["sha256"] for name, facts in manifest["files"].items()}

    def problems(self, key: StepKey, *, within: str = "", thorough: bool = False) -> list[str]:
        """Return what is wrong with the output of this key, one line each; empty if it is complete and undamaged.

        A large file whose size and modification time are those of the day it was published is taken as unchanged
        (gigabytes are not read on every run); any other file is hashed.

        Args:
            key: of the output.
            within: look at this file or folder of it alone.
            thorough: hash the large files too.
        """
        folder = self.path(key)
        if not (folder / MANIFEST).is_file():
            return [f"{folder}: no {MANIFEST}"]
        manifest = read_sealed(folder / MANIFEST, exact=thorough)
        if manifest is None:
            return [f"{folder / MANIFEST}: not a manifest, or changed since it was written"]
        if manifest["digest"] != key.digest:
            return [f"{folder / MANIFEST}: made for another key"]
        if (folder / DAMAGED).is_file():
            return (folder / DAMAGED).read_text(encoding="utf-8").splitlines()
        files = {
            name: facts
            for name, facts in manifest["files"].items()
            if not within or name == within or name.startswith(f"{within}/")
        }
        if within and not files:
            return [f"{folder / within}: expected a file that step {key.step} wrote, found none of that name"]
        # Hashing releases the interpreter lock, so threads use every core.
        with ThreadPoolExecutor(os.cpu_count() if thorough else 1) as pool:
            found = pool.map(lambda item: _problem_of(folder / item[0], item[1], thorough=thorough), files.items())
            return [problem for problem in found if problem is not None]

    def examine(self) -> Iterator[tuple[Path, list[str]]]:
        """Yield the folder of every output and what is wrong with it, after reading every byte of it."""
        for manifest_path in sorted(self.root.glob(f"*/{MANIFEST}")):
            folder = manifest_path.parent
            manifest = read_sealed(manifest_path)
            if manifest is None:
                yield folder, [f"{manifest_path}: not a manifest, or changed since it was written"]
            else:
                yield folder, self.problems(StepKey(step=manifest["step"], digest=manifest["digest"]), thorough=True)

    def load(self, key: StepKey) -> StepOutput | None:
        """Return the output of this key if it is complete and undamaged, else None."""
        self.bring(key)
        if self.problems(key):
            return None
        manifest = read_sealed(self.path(key) / MANIFEST)
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
        if self.shared is not None:
            self.shared.objects.probe()
        with self._alone(key):
            final = self.path(key)
            problems = self.problems(key)
            manifest = (self._fetch(key) if problems else read_sealed(final / MANIFEST)) or None
            if manifest is not None:
                words = in_words(f"{key.step}: done before")
                log.info("step.cached step=%s folder=%s", key.step, final, extra=words)
                return StepOutput(step=key.step, digest=key.digest, summary=self._share(key, manifest)["summary"])
            partial = final.with_name(final.name + ".partial")
            if partial.exists() and not resumable:
                shutil.rmtree(partial)
            if final.exists():
                # Nobody can rely on it, and a half-right folder must not survive beside a new one.
                log.warning("damaged: %s. Step %s is made again", _first_of(problems), key.step)
                shutil.rmtree(final)
            try:
                partial.mkdir(parents=True, exist_ok=True)
                made = _write_manifest(partial, key, make(partial))
                partial.rename(final)
            except OSError as error:
                raise self._stuck(key, error) from error
            log.info("step.made step=%s folder=%s", key.step, final, extra=in_words(f"{key.step}: done"))
            counts = self._share(key, made)
            return StepOutput(step=key.step, digest=key.digest, summary=counts["summary"], cached=counts is not made)

    def _fetch(self, key: StepKey) -> dict[str, Any] | None:
        """Return the manifest of an output once it is here from the object store; None where that has none."""
        try:
            return None if self.shared is None else self.shared.bring(self.path(key), key.digest)
        except OSError as error:
            raise self._stuck(key, error) from error

    def _share(self, key: StepKey, manifest: dict[str, Any]) -> dict[str, Any]:
        """Return the manifest that counts, once other machines have the output too."""
        try:
            return manifest if self.shared is None else self.shared.share(self.path(key), manifest)
        except OSError as error:
            raise self._stuck(key, error) from error

    def _alone(self, key: StepKey) -> AbstractContextManager[None]:
        return locked(self.root / f".{key.name}.lock", waiting_for=key.name, error=self._unwritable)

    def _stuck(self, key: StepKey, error: OSError) -> StoreError:
        return StoreError(
            f"{error.filename or self.path(key)}: step {key.step} cannot go on: {error.strerror or error}. "
            "Make room or make it accessible, then start the same command again; what is done is kept."
        )

    def _unwritable(self, error: OSError) -> StoreError:
        return StoreError(
            f"{self.root}: cannot write the store: {error.strerror or error}. "
            "Choose a writable folder with `store_dir`."
        )


def _problem_of(file: Path, facts: Mapping[str, Any], *, thorough: bool) -> str | None:
    """Return what is wrong with a file, None if it is the one that these facts are of."""
    try:
        now = file.stat()
        expected, found = f"{facts['size']} bytes", f"{now.st_size} bytes"
        if expected == found:
            if now.st_size > SMALL_BYTES and now.st_mtime_ns == facts["mtime_ns"] and not thorough:
                return None
            expected, found = f"sha256 {facts['sha256']}", f"sha256 {digest_file(file)}"
    except OSError as error:
        return f"{file}: missing" if not file.exists() else f"{file}: cannot be read: {error.strerror or error}"
    return None if expected == found else f"{file}: changed since it was written: expected {expected}, found {found}"


def _first_of(problems: Sequence[str]) -> str:
    return problems[0] + (f" (and {len(problems) - 1} more)" if len(problems) > 1 else "")


def _write_manifest(folder: Path, key: StepKey, summary: Mapping[str, Any]) -> dict[str, Any]:
    files = {}
    for file in list_files(folder):
        stat = file.stat()
        files[file.relative_to(folder).as_posix()] = {
            "size": stat.st_size,
            "mtime_ns": stat.st_mtime_ns,
            "sha256": digest_file(file),
        }
    manifest = {"step": key.step, "digest": key.digest, "summary": dict(summary), "files": files}
    # Sealed: later keys are made of the summary, and a changed one must not pass for the step's own.
    write_sealed(folder / MANIFEST, manifest)
    return manifest
