"""Step 3, split: which accepted frames train and which are scored, and how near the two are."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from kittidet.config import SplitConfig
from kittidet.files import digest_of, write_json
from kittidet.kitti.lists import given_lists, read_ids, write_ids
from kittidet.steps.fetch import dataset_tree
from kittidet.steps.validate import accepted_ids
from kittidet.store import StepKey, StepOutput, Store, step_key

VERSION = 5
NEAREST = "nearest.json"
Side = Literal["train", "val"]


def split_key(store: Store, dataset: StepOutput, validation: StepOutput, config: SplitConfig) -> StepKey:
    """Return the identity of a split: the accepted frames, the data, the method, and the lists it reads."""
    return step_key(
        "split",
        VERSION,
        accepted=validation.summary["accepted_digest"],
        edge_tolerance_px=validation.summary["edge_tolerance_px"],
        data=dataset.summary["content"],
        config=config.model_dump(mode="json", exclude={"train_list", "val_list"}),
        lists=_lists(store, dataset, config),
    )


def split(store: Store, dataset: StepOutput, validation: StepOutput, config: SplitConfig) -> StepOutput:
    """Return the split as a step output: ``train.txt``, ``val.txt``, ``nearest.json`` and ``split.json``.

    Where no drives are known the images are compared, which takes 12 ms a frame on one core.

    Raises:
        DatasetContractError: if the method cannot be applied to these frames, or leaves a side empty.
    """

    def make(folder: Path) -> dict[str, Any]:
        from kittidet.kitti.nearness import measure_nearness
        from kittidet.kitti.split import split_frames

        tree = dataset_tree(store, dataset)
        lists = _lists(store, dataset, config)
        result = split_frames(accepted_ids(store, validation), config=config, drive_of=tree.drive_of(), lists=lists)
        nearness = measure_nearness(tree, result.train_ids, result.val_ids)
        write_json(folder / NEAREST, nearness.to_json())
        for side, ids in (("train", result.train_ids), ("val", result.val_ids)):
            write_ids(folder / f"{side}.txt", ids)
        # Of a part of KITTI, thousands: the summary, which is printed, has their number.
        for name, ids in (("absent", result.absent_ids), ("unlisted", result.unlisted_ids)):
            if ids:
                write_ids(folder / f"{name}.txt", ids)
        summary = {
            "method": result.method,
            "n_train": len(result.train_ids),
            "n_val": len(result.val_ids),
            "digest": result.digest,
            "edge_tolerance_px": validation.summary["edge_tolerance_px"],
            "train_digest": digest_of(list(result.train_ids)),
            "val_digest": digest_of(list(result.val_ids)),
            "absent": len(result.absent_ids),
            "unlisted": len(result.unlisted_ids),
            "val_is_train": result.train_ids == result.val_ids,
            "leakage": asdict(result.leakage) if result.leakage is not None else None,
            "nearness": nearness.summary(),
        }
        write_json(folder / "split.json", summary)
        return summary

    return store.get_or_make(split_key(store, dataset, validation, config), make)


def _lists(store: Store, dataset: StepOutput, config: SplitConfig) -> dict[str, tuple[str, ...]]:
    """Return the lists that the method reads: a person's, or the data set's own."""
    if config.method == "lists":
        files = {"train": config.train_list, "val": config.val_list}
        return {name: read_ids(file) for name, file in files.items() if file is not None}
    return given_lists(dataset_tree(store, dataset)) if config.method == "given" else {}


def split_ids(store: Store, split: StepOutput, side: Side) -> tuple[str, ...]:
    """Return the frame ids of one side, in the split's order."""
    return read_ids(store.read(split, f"{side}.txt"))
