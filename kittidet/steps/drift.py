"""How the new training frames of a re-training differ from those of the champion, before hours of training."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from kittidet.classes import ClassTable
from kittidet.errors import RegistryError
from kittidet.files import digest_of, write_json
from kittidet.kitti.lists import read_ids
from kittidet.kitti.tree import KittiTree
from kittidet.registry.records import ModelVersion
from kittidet.registry.register import PROFILE, read_file
from kittidet.registry.registry import Registry
from kittidet.retraining.drift import MIN_FRAMES, has_drifted, measure_drift
from kittidet.retraining.profile import Profile, measure_profile
from kittidet.runs.data import tree_in_stores
from kittidet.runs.run import TRAIN_IDS
from kittidet.steps.fetch import dataset_tree
from kittidet.steps.plan import Plan
from kittidet.store import StepOutput, Store, step_key

VERSION = 1


class DriftReport(BaseModel):
    """What was measured.

    Attributes:
        rows: one distribution each, as `retraining.drift.Drift`; empty where it cannot be measured.
        new_frames: frames to train on that the champion has not seen.
        has_drifted: whether any distribution has, beyond doubt.
        ap: of the champion, 0..1.
        sentence: all of it in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: tuple[dict[str, Any], ...]
    new_frames: int
    has_drifted: bool
    ap: float | None = None
    sentence: str


def report_drift(store: Store, plan: Plan, dataset: StepOutput) -> DriftReport:
    """Return how the frames that are new to the champion differ from those it was trained on.

    Raises:
        ValueError: if the plan has no champion, and so no list of frames.
        DatasetContractError, LabelParseError: if a frame cannot be read.
    """
    if plan.champion is None or plan.config.split.train_list is None:
        raise ValueError("report_drift: expected a plan with a champion")
    champion = Registry(store.place).version(plan.config.name, plan.champion)
    table = plan.config.records.table()
    old = _champion_profile(store, champion, table)
    if old is None:
        said = f"Drift is not measured: the data of version {champion.version} are gone, and it has no profile of them."
        return DriftReport(rows=(), new_frames=0, has_drifted=False, sentence=said)
    frame_ids = read_ids(plan.config.split.train_list)
    new = _profile(dataset_tree(store, dataset), frame_ids, store, table, old.contents)[1]
    drifts = measure_drift(old.frames, new.frames)
    drifted = [drift.what for drift in drifts if has_drifted([drift])]
    if drifted:
        said = f"The {len(new.contents)} new training frames drift from the champion's: {', '.join(drifted)}."
    elif drifts:
        said = f"The {len(new.contents)} new training frames show no drift beyond doubt."
    else:
        said = f"{len(new.contents)} new training frames: drift is measured from {MIN_FRAMES} on."
    rows = tuple(drift.to_json() for drift in drifts)
    ap = champion.metrics["ap"].value
    return DriftReport(rows=rows, new_frames=len(new.contents), has_drifted=bool(drifted), ap=ap, sentence=said)


def training_profile(store: Store, dataset: StepOutput, frame_ids: tuple[str, ...], table: ClassTable) -> Path:
    """Return the file with the profile of a training's frames, to be registered with it."""
    return _profile(dataset_tree(store, dataset), frame_ids, store, table, frozenset())[0]


def _champion_profile(store: Store, champion: ModelVersion, table: ClassTable) -> Profile | None:
    """Return the profile kept with the champion, or that of its data where the store still knows them."""
    registry = Registry(store.place)
    if PROFILE in champion.files:
        return _parse(read_file(registry, champion, PROFILE), where=f"{registry.objects.root}: {PROFILE}")
    tree = tree_in_stores([store.root], champion.lineage.data)
    if tree is None:
        return None
    frame_ids = tuple(read_file(registry, champion, TRAIN_IDS).decode().splitlines())
    return _profile(tree, frame_ids, store, table, frozenset())[1]


def _profile(
    tree: KittiTree, frame_ids: tuple[str, ...], store: Store, table: ClassTable, known: frozenset[str]
) -> tuple[Path, Profile]:
    key = step_key(
        "profile",
        VERSION,
        data=tree.digest(),
        frames=digest_of(list(frame_ids)),
        classes=[table.names, dict(table.merges), table.ignored],
        known=digest_of(sorted(known)),
    )

    def make(folder: Path) -> dict[str, Any]:
        profile = measure_profile(tree, frame_ids, table, known=known)
        write_json(folder / PROFILE, profile.to_json(), indent=None)
        return {"frames": len(profile.contents), "measured": len(profile.frames)}

    path = store.read(store.get_or_make(key, make)) / PROFILE
    return path, _parse(path.read_bytes(), where=str(path))


def _parse(content: bytes, *, where: str) -> Profile:
    try:
        return Profile.from_json(json.loads(content))
    except (ValueError, KeyError, TypeError) as error:
        raise RegistryError(f"{where}: not a profile of frames: {error!r}. Remove it; it is made again.") from error
