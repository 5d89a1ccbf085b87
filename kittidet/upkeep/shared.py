"""What lies in the object store of a URL: the questions of a folder (`holdings`, `prune`), asked of its objects.

What keeps an output there are pins, the champions of the registry, and the runs that every machine noted when it
published them; machines are not asked.
"""

import platform
import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from kittidet.errors import StoreError
from kittidet.object_store import ObjectStore
from kittidet.registry.records import ModelVersion
from kittidet.registry.registry import Registry
from kittidet.runs.note import RUNS, RunNote
from kittidet.shared_outputs import OBJECTS, SharedOutputs, commit_key, read_commit
from kittidet.store import MANIFEST
from kittidet.store_place import local_folder
from kittidet.upkeep.holdings import Holding
from kittidet.upkeep.needs import Need, needs_of_runs, runs_that_need

_PINS = "pins"
# An object that no output has may be of one that is being sent.
_SENT_WITHIN_S = 86_400
ORPHANS = "objects of no output"


def list_holdings(url: str) -> list[Holding]:
    """Return every step output of an object store, and its objects that belong to none as one left-over.

    Raises:
        StoreError: if it cannot be asked.
    """
    objects, root = ObjectStore(url), local_folder(url)
    pins = {name: (objects.find(f"{_PINS}/{name}") or b"").decode().strip() for name in objects.names(_PINS)}
    holdings, kept = [], set()
    for name, size, changed, manifest in SharedOutputs(objects, MANIFEST).commits():
        known: dict[str, Any] = manifest if manifest is not None else {"files": {}, "digest": "", "summary": {}}
        kept |= _objects_of(known)
        holdings.append(
            Holding(
                path=root / name,
                output=name,
                step=name.rpartition("-")[0],
                digest=known["digest"],
                summary=known["summary"],
                bytes=size,
                changed=changed,
                pin=pins.get(name),
                is_locked=False,
            )
        )
    orphans = list(_orphans(objects, kept))
    if orphans:
        size, newest = sum(size for _, size, _ in orphans), max(changed for *_, changed in orphans)
        holdings.append(Holding(root / ORPHANS, "", "", "", {}, size, newest, None, is_locked=False))
    return holdings


def sizes(url: str) -> dict[str, int]:
    """Return bytes by what they are of, each object counted once.

    Raises:
        StoreError: if it cannot be asked.
    """
    found: dict[str, int] = {}
    for facts in ObjectStore(url).list(""):
        part = f"{PurePosixPath(facts.key).parts[0]}/"
        found[part] = found.get(part, 0) + facts.bytes
    return found


def needs(url: str, runs: Sequence[Path] = ()) -> list[Need]:
    """Return what the noted runs, the champions of every model, and the runs in some folders need.

    Raises:
        StoreError, RegistryError: if that cannot be read: nothing can then be said to be free.
    """
    registry = Registry(url)
    champions = [champion for model in registry.models() if (champion := registry.champion(model)) is not None]
    noted = [_need_of(note) for note in _notes(ObjectStore(url)) if not _is_gone(note)]
    return [*noted, *map(_need_of_champion, champions), *needs_of_runs(runs)]


def free_holdings(url: str, runs: Sequence[Path], *, older_than_s: float) -> list[Holding]:
    """Return the step outputs that nothing needs, the largest first, and the objects of none.

    Args:
        url: of the store.
        runs: folders of runs on this machine, besides those that were noted.
        older_than_s: younger ones may be of a flow that is between two steps: they are left out.

    Raises:
        StoreError, RegistryError: if it cannot be asked.
    """
    holdings, needed, newest = list_holdings(url), needs(url, runs), time.time() - older_than_s
    free = [
        holding
        for holding in holdings
        if holding.pin is None and holding.changed <= newest and not runs_that_need(holding, needed, holdings)
    ]
    return sorted(free, key=lambda holding: -holding.bytes)


def remove_holdings(url: str, holdings: Sequence[Holding]) -> list[Holding]:
    """Return those that were removed: first what commits them, then the objects that no other output has.

    Raises:
        StoreError: if the object store cannot be asked or refuses.
    """
    objects, removed, theirs = ObjectStore(url), [], set()
    for holding in holdings:
        if holding.is_output:
            commit = objects.find(commit_key(holding.output))
            if commit is None or objects.has(f"{_PINS}/{holding.output}"):
                continue
            theirs |= _objects_of(read_commit(commit) or {"files": {}})
            objects.remove(commit_key(holding.output))
        removed.append(holding)
    kept: set[str] = set()
    for _, _, _, manifest in SharedOutputs(objects, MANIFEST).commits():
        kept |= _objects_of(manifest or {"files": {}})
    for key in {*(theirs - kept), *(key for key, _, _ in _orphans(objects, kept))}:
        objects.remove(key)
    for note in _notes(objects):
        if _is_gone(note):
            objects.remove(f"{RUNS}/{note.digest}.json")
    return removed


def pin(url: str, name: str, reason: str) -> None:
    """Keep an output, also one that is made again, until it is unpinned.

    Raises:
        StoreError: if there is no such output, or the object store cannot be asked.
    """
    objects = ObjectStore(url)
    if "/" in name or not objects.has(commit_key(name)):
        raise StoreError(f"{url}: no such step output {name}. `kittidet store list --store {url}` names them.")
    objects.write(f"{_PINS}/{name}", f"{reason}\n".encode())


def unpin(url: str, name: str) -> None:
    """Let an output be removed again.

    Raises:
        StoreError: if it is not pinned, or the object store cannot be asked.
    """
    objects = ObjectStore(url)
    if "/" in name or not objects.has(f"{_PINS}/{name}"):
        raise StoreError(f"{url}: {name} is not pinned. `kittidet store list --store {url}` names what is.")
    objects.remove(f"{_PINS}/{name}")


def _objects_of(manifest: Any) -> set[str]:
    return {f"{OBJECTS}/{facts['sha256']}" for facts in manifest["files"].values()}


def _orphans(objects: ObjectStore, kept: set[str]) -> Iterator[tuple[str, int, float]]:
    """Yield key, bytes and time of every object that no output has, for longer than sending one takes."""
    newest = time.time() - _SENT_WITHIN_S
    for facts in objects.list(OBJECTS):
        if facts.key not in kept and facts.written.timestamp() <= newest:
            yield facts.key, facts.bytes, facts.written.timestamp()


def _notes(objects: ObjectStore) -> list[RunNote]:
    return [
        RunNote.read(objects.read(f"{RUNS}/{name}"), where=f"{objects.root}/{name}") for name in objects.names(RUNS)
    ]


def _is_gone(note: RunNote) -> bool:
    """Whether a run was of this machine and is there no longer; of other machines nobody knows."""
    return note.machine == platform.node() and not note.path.is_dir()


def _need_of(note: RunNote) -> Need:
    return Need(f"{note.path.name} on {note.machine}", frozenset(note.outputs), frozenset(), frozenset(note.names))


def _need_of_champion(champion: ModelVersion) -> Need:
    origin = champion.lineage
    digests = (origin.data, origin.split, origin.train_records, origin.val_records, champion.checkpoint)
    known = frozenset(digest for digest in digests if digest is not None)
    return Need(f"champion {champion.model} {champion.version}", None, known, frozenset())
