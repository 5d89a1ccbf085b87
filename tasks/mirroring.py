"""The tasks that mirror to MLflow; a run has them where its configuration or its worker's environment asks for it."""

from pathlib import Path

from kittidet.config_tracking import TrackingConfig
from kittidet.config_types import StorePlace
from kittidet.mirror.place import tracking_place
from kittidet.steps.mirror import mirror_published, mirror_registered
from tasks.steps import HOUR_S, as_task


# Neither fails where MLflow does: that is a warning in the task's log, with the command that does it again.
@as_task(
    name="mirror-run",
    run_name="mirror {path.name} to MLflow",
    description="Parameters, metrics by epoch, AP, report and checkpoint, to MLFLOW_TRACKING_URI or a local file.",
    timeout_s=HOUR_S,
    tags=("network",),
)
def mirror_run_task(store_dir: StorePlace, path: Path, tracking: TrackingConfig) -> None:
    """Mirror a published run."""
    mirror_published(store_dir, path, tracking)


@as_task(
    name="mirror-model",
    run_name="mirror the model {model} to MLflow",
    description="The registry's versions of a model and which of them is the champion.",
    timeout_s=HOUR_S,
    tags=("network",),
)
def mirror_model_task(store_dir: StorePlace, model: str, tracking: TrackingConfig) -> None:
    """Mirror the versions of a model."""
    mirror_registered(store_dir, model, tracking)


def mirror_run(store_dir: StorePlace, path: Path, tracking: TrackingConfig) -> None:
    """Run the task where runs are mirrored; one that takes too long fails alone, not its run."""
    if tracking_place(tracking, store_dir) is not None:
        mirror_run_task(store_dir, path, tracking, return_state=True)


def mirror_model(store_dir: StorePlace, model: str, tracking: TrackingConfig) -> None:
    """Run the task where models are mirrored, as `mirror_run`."""
    if tracking_place(tracking, store_dir) is not None:
        mirror_model_task(store_dir, model, tracking, return_state=True)
