"""Step 2, validate: every finding of the data contract, and the frames that may be used."""

from pathlib import Path
from typing import Any

from kittidet.config import ComputeConfig, RecordsConfig, ValidateConfig
from kittidet.files import digest_of, write_json
from kittidet.kitti.validation.findings import FINDINGS, check_share, read_validation, write_validation
from kittidet.steps.cluster import HERE, executor_for
from kittidet.steps.fetch import dataset_tree
from kittidet.store import StepKey, StepOutput, Store, step_key

VERSION = 5
# KITTI's eight classes.
_KITTI = RecordsConfig()


def validate_key(dataset: StepOutput, config: ValidateConfig, records: RecordsConfig = _KITTI) -> StepKey:
    """Return the identity of a validation: the data's content, the contract's settings, the types a label may have."""
    # The share decides whether the run goes on, not what is found.
    settings = config.model_dump(mode="json", exclude={"max_bad_share"})
    table = records.table()
    unlisted = {} if table.unlisted == "refuse" else {"unlisted": table.unlisted}
    return step_key(
        "validate", VERSION, data=dataset.summary["content"], config=settings, types=table.types, **unlisted
    )


def validate(
    store: Store,
    dataset: StepOutput,
    config: ValidateConfig,
    records: RecordsConfig = _KITTI,
    compute: ComputeConfig = HERE,
) -> StepOutput:
    """Return the findings as a step output: ``findings.csv``, ``accepted.txt`` and ``set_aside.txt``.

    The output is published whatever was found, so that the findings can be read; then the share is judged.

    Raises:
        DatasetContractError: if more than ``config.max_bad_share`` of the frames have findings, or no frame is left.
        WorkerError: if the cluster cannot be used.
    """

    def make(folder: Path) -> dict[str, Any]:
        from kittidet.kitti.validation.validate import validate_tree

        tree, table = dataset_tree(store, dataset), records.table()
        with executor_for("validate", compute, [folder, tree.images_dir]) as executor:
            report = validate_tree(tree, config=config, classes=table.types, unlisted=table.unlisted, executor=executor)
        write_validation(report, folder)
        summary = {
            "frames": report.n_frames,
            "accepted": len(report.accepted_ids),
            "set_aside": len(report.set_aside_ids),
            "findings": len(report.findings),
            "findings_by_check": {str(k): int(v) for k, v in report.findings["check"].value_counts().items()},
            "bad_share": report.bad_share,
            # What later steps may find outside the image, and clip.
            "edge_tolerance_px": config.edge_tolerance_px,
            "accepted_digest": digest_of(list(report.accepted_ids)),
        }
        write_json(folder / "summary.json", summary)
        return summary

    return check_output(store, store.get_or_make(validate_key(dataset, config, records), make), config)


def check_output(store: Store, output: StepOutput, config: ValidateConfig) -> StepOutput:
    """Return the output of a validation if a run may go on with it.

    Raises:
        DatasetContractError: if more than ``config.max_bad_share`` of the frames have findings, or no frame is left.
    """
    # As the summary has it: a run in which all is cached loads no pandas to read a table without findings.
    if not output.summary["accepted"] or output.summary["bad_share"] > config.max_bad_share:
        folder = store.read(output)
        check_share(read_validation(folder), config.max_bad_share, where=str(folder / FINDINGS))
    return output


def accepted_ids(store: Store, validation: StepOutput) -> tuple[str, ...]:
    """Return the ids of the frames that passed, sorted."""
    return read_validation(store.read(validation)).accepted_ids
