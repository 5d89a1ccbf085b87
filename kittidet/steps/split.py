"""Step 3, split: which accepted frames train and which are scored."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from kittidet.config import SplitConfig
from kittidet.files import digest_of, write_json
from kittidet.kitti.lists import read_ids, write_ids
from kittidet.kitti.split import split_frames
from kittidet.steps.fetch import dataset_tree
from kittidet.steps.validate import accepted_ids
from kittidet.store import StepKey, StepOutput, Store, step_key

VERSION = 3
Side = Literal["train", "val"]


def split_key(store: Store, dataset: StepOutput, validation: StepOutput, config: SplitConfig) -> StepKey:
    """Return the identity of a split: the accepted frames, their drives, and the method."""
    return step_key(
        "split",
        VERSION,
        accepted=validation.summary["accepted_digest"],
        edge_tolerance_px=validation.summary["edge_tolerance_px"],
        drives=digest_of(dict(dataset_tree(store, dataset).drive_of())),
        config=config,
    )


def split(store: Store, dataset: StepOutput, validation: StepOutput, config: SplitConfig) -> StepOutput:
    """Return the split as a step output: ``train.txt``, ``val.txt`` and ``split.json``.

    Raises:
        DatasetContractError: if the method cannot be applied to these frames, or leaves a side empty.
    """

    def make(folder: Path) -> dict[str, Any]:
        drives = dataset_tree(store, dataset).drive_of()
        result = split_frames(accepted_ids(store, validation), config=config, drive_of=drives)
        for side, ids in (("train", result.train_ids), ("val", result.val_ids)):
            write_ids(folder / f"{side}.txt", ids)
        summary = {
            "method": result.method,
            "n_train": len(result.train_ids),
            "n_val": len(result.val_ids),
            "digest": result.digest,
            "edge_tolerance_px": validation.summary["edge_tolerance_px"],
            "train_digest": digest_of(list(result.train_ids)),
            "val_digest": digest_of(list(result.val_ids)),
            "absent": list(result.absent_ids),
            "unlisted": list(result.unlisted_ids),
            "leakage": asdict(result.leakage) if result.leakage is not None else None,
        }
        write_json(folder / "split.json", summary)
        return summary

    return store.get_or_make(split_key(store, dataset, validation, config), make)


def split_ids(store: Store, split: StepOutput, side: Side) -> tuple[str, ...]:
    """Return the frame ids of one side, in the split's order."""
    return read_ids(store.path(split) / f"{side}.txt")
