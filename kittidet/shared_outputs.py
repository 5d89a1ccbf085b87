"""Step outputs in an object store, for machines without a common disk: sent once, taken whole and verified.

Every file is an object under its sha256, ``objects/<sha256>``; one more, ``outputs/<step>-<digest>.json``, commits
them: it is written last and only if absent, so that an output is complete or not there, and of two machines that made
one at once the first wins. What an output is, and when it is made, is left to `store`.
"""

import json
import logging
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from kittidet.files import canonical_json, digest_file, digest_of, write_sealed, write_text_atomic
from kittidet.object_store import PART_BYTES, ObjectStore
from kittidet.progress import in_words

log = logging.getLogger(__name__)

# In the local folder of an output: it is in the object store as well, so that nothing needs to be sent.
NOTE = "_shared.txt"
OBJECTS, OUTPUTS = "objects", "outputs"
# Most of a data set's files are labels of a kilobyte, for which the time is the way there and back.
_AT_ONCE = 16
# Smaller files are sent without asking first whether they are there.
_ASKED_FIRST_BYTES = 64 * 1024
_SHA256 = re.compile(r"[0-9a-f]{64}")


class SharedOutputs:
    """Step outputs in an object store.

    Args:
        objects: where they are.
        manifest_name: the file of a local folder that its manifest goes into.
    """

    def __init__(self, objects: ObjectStore, manifest_name: str) -> None:
        self.objects = objects
        self._manifest_name = manifest_name

    def holds(self, name: str) -> bool:
        """Return whether an output is committed.

        Raises:
            StoreError: if the object store cannot be asked.
        """
        return self.objects.has(commit_key(name))

    def share(self, folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
        """Return the manifest of an output once the object store has it: the given one, or that of who was faster.

        In the second case the folder has the other's files afterwards. The caller holds the lock on its name.

        Raises:
            StoreError: if the object store cannot be asked.
            OSError: if the folder cannot be read or written.
        """
        note = folder / NOTE
        while not (note.is_file() and self.holds(folder.name)):
            note.unlink(missing_ok=True)
            counts = self._publish(folder, manifest)
            if _content(counts) == _content(manifest):
                write_text_atomic(note, f"{self.objects.root}\n")
                break
            words = in_words(f"{manifest['step']}: another machine was faster, its result is used")
            log.info("store.other_was_faster output=%s", folder.name, extra=words)
            brought = self.bring(folder, manifest["digest"])
            if brought is not None:
                return brought
        return manifest

    def bring(self, folder: Path, digest: str) -> dict[str, Any] | None:
        """Return the manifest of an output that was fetched into its folder; None where there is no whole one.

        What was fetched by a process that died is kept. A damaged output is removed from the object store, so that it
        can be made again. The caller holds the lock on the folder's name.

        Args:
            folder: of the output; whatever is there is replaced.
            digest: of the output's key.

        Raises:
            StoreError: if the object store cannot be asked.
            OSError: if the folder cannot be written.
        """
        commit = self.objects.find(commit_key(folder.name))
        if commit is None:
            return None
        manifest = read_commit(commit)
        if manifest is None or manifest["digest"] != digest:
            self._withdraw(folder.name, commit, [commit_key(folder.name)])
            return None
        size = sum(facts["size"] for facts in manifest["files"].values())
        words = in_words(f"{manifest['step']}: {size / 1e6:.1f} MB from {self.objects.root}")
        log.info("store.fetch output=%s bytes=%d from=%s", folder.name, size, self.objects.root, extra=words)
        partial = folder.with_name(f".{folder.name}.partial-{digest[:12]}")
        damaged = self._fetch(manifest, partial)
        if damaged:
            self._withdraw(folder.name, commit, damaged)
            shutil.rmtree(partial)
            return None
        write_sealed(partial / self._manifest_name, manifest)
        write_text_atomic(partial / NOTE, f"{self.objects.root}\n")
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
        return manifest

    def commits(self) -> Iterator[tuple[str, int, float, dict[str, Any] | None]]:
        """Yield name, bytes, time and manifest of every output; the manifest is None where the commit is damaged.

        Raises:
            StoreError: if the object store cannot be asked.
        """
        listed = sorted(self.objects.list(OUTPUTS), key=lambda facts: facts.key)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            contents = pool.map(lambda facts: self.objects.find(facts.key), listed)
            for facts, content in zip(listed, contents, strict=True):
                if content is not None:
                    manifest = read_commit(content)
                    size = sum(f["size"] for f in manifest["files"].values()) if manifest is not None else 0
                    yield PurePosixPath(facts.key).stem, size, facts.written.timestamp(), manifest

    def _publish(self, folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
        files = {facts["sha256"]: (folder / name, facts["size"]) for name, facts in manifest["files"].items()}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda item: self._send(f"{OBJECTS}/{item[0]}", *item[1]), files.items()))
        # The writer tells what this process wrote, but was answered to be there already, from what another wrote.
        values = {"writer": uuid.uuid4().hex, "manifest": manifest}
        content = canonical_json({**values, "seal": digest_of(values)}).encode()
        key = commit_key(folder.name)
        while not self.objects.create(key, content):
            there = self.objects.find(key)
            if there == content:
                break
            if there is not None:
                other = read_commit(there)
                if other is not None and other["digest"] == manifest["digest"]:
                    return other
                self._withdraw(folder.name, there, [key])
        log.info("store.shared output=%s in=%s", folder.name, self.objects.root)
        return manifest

    def _send(self, key: str, file: Path, size: int) -> None:
        there = self.objects.size(key) if size > _ASKED_FIRST_BYTES else None
        if there == size:
            return
        if there is None and size <= PART_BYTES:
            self.objects.create(key, file.read_bytes())
        else:
            # The name is that of the content: to write it twice does no harm, and only so it goes in parts.
            self.objects.write(key, file)

    def _fetch(self, manifest: Mapping[str, Any], folder: Path) -> list[str]:
        """Return the keys of the objects that are missing or damaged, after every file was fetched into a folder."""
        folder.mkdir(parents=True, exist_ok=True)

        def fetch(name: str, facts: Mapping[str, Any]) -> str | None:
            file, key = folder / name, f"{OBJECTS}/{facts['sha256']}"
            file.parent.mkdir(parents=True, exist_ok=True)
            is_there = file.is_file() and file.stat().st_size == facts["size"] and digest_file(file) == facts["sha256"]
            if not is_there and self.objects.fetch(key, file, facts["size"]) != facts["sha256"]:
                return key
            # As on the machine that made it: looked up, a large file of this time counts as unchanged.
            os.utime(file, ns=(facts["mtime_ns"], facts["mtime_ns"]))
            return None

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = list(pool.map(lambda item: fetch(*item), manifest["files"].items()))
        return sorted({key for key in found if key is not None})

    def _withdraw(self, name: str, commit: bytes, damaged: list[str]) -> None:
        """Remove a damaged output, unless another one has taken its place meanwhile."""
        log.warning("damaged: %s/%s: not what was written%s. %s is made again", *self._told(damaged), name)
        for key in damaged:
            if key.startswith(f"{OBJECTS}/"):
                self.objects.remove(key)
        if self.objects.find(commit_key(name)) == commit:
            self.objects.remove(commit_key(name))

    def _told(self, damaged: list[str]) -> tuple[str, str, str]:
        return self.objects.root, damaged[0], f" (and {len(damaged) - 1} more)" if len(damaged) > 1 else ""


def commit_key(name: str) -> str:
    """Return the key of the object that commits the output of a name."""
    return f"{OUTPUTS}/{name}.json"


def read_commit(content: bytes) -> dict[str, Any] | None:
    """Return the manifest of a commit, None if it is damaged or names a file outside of its output."""
    try:
        commit = json.loads(content)
        manifest: dict[str, Any] = commit["manifest"]
        whole = commit["seal"] == digest_of({"writer": commit["writer"], "manifest": manifest})
        fits = isinstance(manifest["summary"], dict) and isinstance(manifest["step"], str)
        fits = fits and all(_is_file(name, facts) for name, facts in manifest["files"].items())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return manifest if whole and fits else None


def _is_file(name: str, facts: Mapping[str, Any]) -> bool:
    path = PurePosixPath(name)
    inside = bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in name
    numbers = isinstance(facts["size"], int) and isinstance(facts["mtime_ns"], int)
    return inside and numbers and _SHA256.fullmatch(facts["sha256"]) is not None


def _content(manifest: Mapping[str, Any]) -> str:
    """Return what two outputs of the same content have in common: all but the times of their files."""
    return digest_of([manifest["summary"], {name: facts["sha256"] for name, facts in manifest["files"].items()}])
