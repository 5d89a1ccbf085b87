"""Step 2, validate: every finding of the data contract, and the frames that may be used."""

import json
from pathlib import Path
from typing import Any

from kittidet.config import ValidateConfig
from kittidet.errors import DatasetContractError
from kittidet.kitti.schema import validate_tree, write_findings
from kittidet.steps.fetch import dataset_tree
from kittidet.store import StepKey, StepOutput, Store, digest_of, step_key

VERSION = 2


def validate_key(dataset: StepOutput, config: ValidateConfig) -> StepKey:
    """Return the identity of a validation: the data's content and the contract's settings."""
    # The share decides whether the run goes on, not what is found.
    settings = config.model_dump(mode="json", exclude={"max_bad_share"})
    return step_key("validate", VERSION, data=dataset.summary["content"], config=settings)


def validate(store: Store, dataset: StepOutput, config: ValidateConfig) -> StepOutput:
    """Return the findings as a step output: ``findings.csv``, ``accepted.txt`` and ``set_aside.txt``.

    The output is published whatever was found, so that the findings can be read; then the share is judged.

    Raises:
        DatasetContractError: if more than ``config.max_bad_share`` of the frames have findings.
    """

    def make(folder: Path) -> dict[str, Any]:
        report = validate_tree(dataset_tree(dataset), config=config)
        write_findings(report, folder / "findings.csv")
        (folder / "accepted.txt").write_text(_lines(report.accepted_ids), encoding="utf-8")
        (folder / "set_aside.txt").write_text(_lines(report.set_aside_ids), encoding="utf-8")
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
        (folder / "summary.json").write_text(json.dumps(summary, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return summary

    output = store.get_or_make(validate_key(dataset, config), make)
    bad_share = output.summary["bad_share"]
    if bad_share > config.max_bad_share:
        raise DatasetContractError(
            f"{output.path / 'findings.csv'}: {output.summary['set_aside']} of {output.summary['frames']} frames "
            f"({bad_share:.1%}) break the data contract, expected at most {config.max_bad_share:.1%}. "
            "Mend the files listed there, or raise validation.max_bad_share to train without them."
        )
    return output


def accepted_ids(validation: StepOutput) -> tuple[str, ...]:
    """Return the ids of the frames that passed, sorted."""
    return tuple((validation.path / "accepted.txt").read_text(encoding="utf-8").split())


def _lines(ids: tuple[str, ...]) -> str:
    return "".join(f"{frame_id}\n" for frame_id in ids)
