"""Step 2 as a task: every finding of the data contract, and the frames that may be used."""

import csv
import itertools
from pathlib import Path

from prefect import task

from kittidet.config import ValidateConfig
from kittidet.errors import DatasetContractError
from kittidet.steps.validate import check_output, validate_key
from kittidet.steps.validate import validate as validate_step
from kittidet.store import StepKey, StepOutput, Store
from tasks.caching import StepCache
from tasks.retrying import BACKOFF, may_pass
from tasks.show import show_facts, show_table
from tasks.step_result import StepResult

# Rows of findings.csv in the table artifact; the file has them all.
SHOWN_FINDINGS = 200


def _key(store: Store, dataset: StepOutput, config: ValidateConfig) -> StepKey | None:
    key = validate_key(dataset, config)
    found = store.load(key)
    try:
        # How many are too many is no part of what was found, but such findings must stop the run again.
        return key if found is None or check_output(found, config) else None
    except DatasetContractError:
        return None


@task(
    name="validate",
    task_run_name="validate the data contract",
    description="Labels, images and pairs against the data contract; bad frames are set aside by name.",
    cache_policy=StepCache(key_of=_key),
    retries=2,
    retry_delay_seconds=BACKOFF,
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    timeout_seconds=4 * 3600,
    tags=["kitti", "cpu"],
)
def validate(store_dir: Path, dataset: StepResult, config: ValidateConfig) -> StepResult:
    """Return the findings; the run stops here where too many frames have any."""
    store = Store(store_dir)
    try:
        output = validate_step(store, dataset.output(store), config)
    except DatasetContractError:
        # The run stops, and this is when the findings matter most.
        found = store.load(validate_key(dataset.output(store), config))
        if found is not None:
            show_findings(found)
        raise
    show_findings(output)
    return StepResult.of(output)


def show_findings(output: StepOutput) -> None:
    """Show the summary of a validation, and the first findings as a table."""
    show_facts("kitti-validation", output.summary, "The data contract")
    with (output.path / "findings.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(itertools.islice(csv.DictReader(stream), SHOWN_FINDINGS))
    if rows:
        total = output.summary["findings"]
        show_table("kitti-findings", rows, f"{len(rows)} of {total} findings; all in {output.path / 'findings.csv'}")
