"""The tasks of a re-training besides those of the pipeline, with their artifacts and events.

Events are named ``kittidet.data.drift``, ``kittidet.model.promoted``, ``kittidet.model.kept`` and, where what was kept
out is surely worse, ``kittidet.model.ap-dropped``; the resource is the model, ``kittidet.model.NAME``.
"""

from typing import Any
from uuid import UUID

import prefect.runtime
from prefect.events import emit_event

from kittidet.config import RunConfig
from kittidet.config_types import StorePlace
from kittidet.steps.drift import DriftReport, report_drift
from kittidet.steps.judge import Outcome
from kittidet.steps.judge import judge as judge_step
from kittidet.steps.plan import Plan, plan_retraining
from kittidet.steps.publish import PublishedRun
from kittidet.store import StepOutput, Store
from tasks.artifacts import ProgressBar, is_in_run, show_table, show_text
from tasks.comparison import show_comparison
from tasks.steps import HOUR_S, as_task


# Not cached: what is to be done hangs on the champion, which changes without any of the arguments.
@as_task(
    name="plan-retraining",
    run_name="plan re-training of {config.name}",
    description="Whether data, settings or code are new since the champion; the frozen validation list.",
    timeout_s=HOUR_S / 4,
    tags=("cpu",),
)
def plan(store_dir: StorePlace, config: RunConfig, dataset: StepOutput, validation: StepOutput) -> Plan:
    """Return what is to be done."""
    return plan_retraining(Store(store_dir), config, dataset, validation)


@as_task(
    name="measure-drift",
    run_name="measure drift of {plan.config.name}",
    description="Class mix, box heights, brightness and image size of the new frames against the champion's.",
    timeout_s=2 * HOUR_S,
    tags=("cpu",),
)
def drift(store_dir: StorePlace, plan: Plan, dataset: StepOutput) -> DriftReport:
    """Return how the new frames differ from those the champion was trained on."""
    report = report_drift(Store(store_dir), plan, dataset)
    if report.rows:
        show_table("kitti-drift", report.rows, report.sentence)
    else:
        show_text("kitti-drift", report.sentence, "Drift of the new data")
    if report.has_drifted:
        send_event(
            "data.drift", plan.config.name, {"sentence": report.sentence, "rows": list(report.rows), "ap": report.ap}
        )
    return report


@as_task(
    name="judge",
    run_name="judge the challenger of {plan.config.name}",
    description="Register the run, compare it with the champion on the same frames, promote it or keep the champion.",
    timeout_s=6 * HOUR_S,
    tags=("gpu",),
)
def judge(store_dir: StorePlace, plan: Plan, published: PublishedRun, run_id: UUID | None = None) -> Outcome:
    """Return how the re-training ended; ``run_id`` is of the flow run that trained."""
    bar = ProgressBar("kitti-comparison-progress", "Comparing with the champion")
    outcome = judge_step(
        Store(store_dir),
        plan,
        published,
        progress=lambda done, total: bar.update(done / max(1, total), f"champion on {done} of {total} frames"),
    )
    bar.update(1.0, "compared")
    if is_in_run():
        show_comparison(Store(store_dir), plan, outcome, published, run_id)
    send_event(f"model.{'kept' if outcome.kind == 'kept' else 'promoted'}", outcome.model, outcome.model_dump())
    if outcome.worse is not None:
        send_event("model.ap-dropped", outcome.model, {**outcome.model_dump(), "sentence": outcome.worse})
    return outcome


def show_outcome(outcome: Outcome) -> None:
    """Show in one sentence how a re-training ended and why."""
    show_text("kitti-decision", outcome.sentence, f"Re-training of {outcome.model}: {outcome.kind}")


def send_event(name: str, model: str, payload: dict[str, Any]) -> None:
    """Send an event about a model, related to the run that sends it; outside of one nothing is sent."""
    if is_in_run():
        related = {"prefect.resource.id": f"prefect.flow-run.{prefect.runtime.flow_run.get_id()}"}
        emit_event(
            f"kittidet.{name}",
            resource={"prefect.resource.id": f"kittidet.model.{model}", "prefect.resource.name": model},
            related=[{**related, "prefect.resource.role": "flow-run"}],
            payload=payload,
        )
