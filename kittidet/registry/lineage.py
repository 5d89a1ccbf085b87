"""From a version to what it came from, and from a frame to the versions that saw it."""

from collections.abc import Iterator
from typing import Literal

from kittidet.registry.records import ModelVersion
from kittidet.registry.register import read_file
from kittidet.registry.registry import Registry
from kittidet.runs.run import TRAIN_IDS, VAL_IDS, Run

Side = Literal["train", "val"]


def ancestors(registry: Registry, version: ModelVersion) -> list[ModelVersion]:
    """Return a version and those its training started from, the newest first.

    Raises:
        RegistryError: if one of them is gone from the registry.
    """
    line = [version]
    while line[-1].parent is not None:
        line.append(registry.version(version.model, line[-1].parent))
    return line


def describe_origin(version: ModelVersion) -> Iterator[tuple[str, str]]:
    """Yield what a version was made from as name and value, digests shortened."""
    origin = version.lineage
    yield "started from", origin.started_from
    yield "frames", f"{version.n_train} trained on, {version.n_val} scored on"
    yield "data", f"{origin.data[:16]}{', synthetic scenes' if version.is_synthetic else ''}"
    yield "split", origin.split[:16]
    yield "settings", origin.config[:16]
    yield "code", f"{(origin.code or 'not known')[:16]}, commit {origin.commit}"
    yield "checkpoint", version.checkpoint[:16]


def version_of(run: Run) -> ModelVersion | None:
    """Return the version whose checkpoint a run holds, from the registry of its store; None if it is in none.

    Raises:
        StoreError: if the run's summary is missing or damaged.
        RegistryError: if the registry is damaged.
    """
    digest = run.summary["digests"].get("checkpoint")
    beside = [run.path / run.summary["store"]] if "store" in run.summary else []
    for store in (*beside, run.config.store_dir):
        registry = Registry(store)
        for model in registry.models():
            for version in registry.versions(model):
                if version.checkpoint == digest:
                    return version
    return None


def saw_frame(registry: Registry, frame_id: str) -> Iterator[tuple[ModelVersion, Side]]:
    """Yield every version of every model that trained on a frame of this id, or was scored on it.

    Ids are those of the version's own data set: the digest of its data tells data sets apart.

    Raises:
        RegistryError: if a list of frames is missing or damaged.
    """
    known: dict[str, frozenset[str]] = {}
    for model in registry.models():
        for version in registry.versions(model):
            sides: tuple[tuple[Side, str], ...] = (("train", TRAIN_IDS), ("val", VAL_IDS))
            for side, name in sides:
                digest = version.files[name]
                if digest not in known:
                    known[digest] = frozenset(read_file(registry, version, name).decode().splitlines())
                if frame_id in known[digest]:
                    yield version, side
