"""Step 4, records: one side of the split as sharded TFRecords, which refer to the images or hold them."""

from pathlib import Path
from typing import Any

from kittidet.config import ComputeConfig, RecordsConfig
from kittidet.steps.cluster import HERE, executor_for
from kittidet.steps.fetch import dataset_tree
from kittidet.steps.split import Side, split_ids
from kittidet.store import StepKey, StepOutput, Store, step_key

VERSION = 2


def records_key(dataset: StepOutput, split: StepOutput, side: Side, config: RecordsConfig) -> StepKey:
    """Return the identity of a record set: the data, the frames of this side, classes, shards, where images are."""
    return step_key(
        f"records-{side}",
        VERSION,
        data=dataset.summary["content"],
        frames=split.summary[f"{side}_digest"],
        classes=config.table().names,
        merges=dict(config.table().merges),
        ignored=config.table().ignored,
        edge_tolerance_px=split.summary["edge_tolerance_px"],
        shards=_num_shards(split, side, config),
        **({} if config.unlisted == "refuse" else {"unlisted": config.unlisted}),
        **({"neutral": neutral} if (neutral := _neutral(side, config)) else {}),
        # Records that hold their images have the key, and the digest, of the versions that knew no others.
        **({} if config.images == "embedded" else {"images": config.images}),
    )


def write(
    store: Store,
    dataset: StepOutput,
    split: StepOutput,
    side: Side,
    config: RecordsConfig,
    compute: ComputeConfig = HERE,
) -> StepOutput:
    """Return the records as a step output: shards and ``manifest.json``.

    Raises:
        RecordError, DatasetContractError: naming the frame that cannot be written.
        WorkerError: if a process that writes is gone, or the cluster cannot be used.
    """

    def make(folder: Path) -> dict[str, Any]:
        from kittidet.records.write import write_records

        images_of = None if config.images == "embedded" else dataset.summary["content"]
        tree = dataset_tree(store, dataset)
        with executor_for("records", compute, [folder, tree.images_dir]) as executor:
            manifest = write_records(
                tree,
                split_ids(store, split, side),
                split_name=side,
                table=config.table(),
                num_shards=_num_shards(split, side, config),
                out_dir=folder,
                executor=executor,
                edge_tolerance_px=split.summary["edge_tolerance_px"],
                neutral=_neutral(side, config),
                images_of=images_of,
            )
        return {
            "split": side,
            "frames": manifest.num_frames,
            "objects": manifest.num_objects,
            "counts": dict(manifest.counts),
            "classes": list(manifest.table.names),
            "shards": len(manifest.shards),
            "bytes": sum(shard.bytes for shard in manifest.shards),
            "images": config.images,
            "images_of": images_of,
            "records_digest": manifest.digest,
        }

    return store.get_or_make(records_key(dataset, split, side, config), make)


def _neutral(side: Side, config: RecordsConfig) -> dict[str, str]:
    # A matter of the loss: what is scored on stays the same.
    return config.neutral_types() if side == "train" else {}


def _num_shards(split: StepOutput, side: Side, config: RecordsConfig) -> int:
    wanted = config.train_shards if side == "train" else config.val_shards
    # An empty shard is legal but useless; small sets get fewer.
    return max(1, min(wanted, split.summary[f"n_{side}"]))
