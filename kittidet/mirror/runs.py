"""A finished run as a run of MLflow: parameters, metrics by epoch, AP with its interval, lineage, report, checkpoint.

It is marked as finished last: one that was killed in between is completed the next time, a finished one left as it is.
"""

import json
import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from kittidet.errors import StoreError
from kittidet.files import read_json
from kittidet.mirror.client import experiment_id
from kittidet.mirror.place import TrackingPlace
from kittidet.registry.register import scores_of
from kittidet.runs.run import BEST, CONFIG, HISTORY, IDENTITY, REPORT, RESULTS, SUMMARY, Run
from kittidet.section import Section

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric
    from mlflow.entities import Run as MlflowRun

# The tag by which a run, and a version, is found again.
RUN_TAG = "kittidet.run"
_FILES = (CONFIG, SUMMARY, HISTORY, RESULTS)
_FOLDERS = (BEST, REPORT)
_FINISHED = "FINISHED"
# What MLflow takes in one request, and of one value in characters.
_METRICS_AT_ONCE, _PARAMETERS_AT_ONCE, _LONGEST = 1000, 100, 6000


def mirror_folder(client: "MlflowClient", place: TrackingPlace, run: Run) -> "MlflowRun":
    """Return MLflow's run of a published run folder, whose files are checked before any is sent.

    Raises:
        StoreError: if it is no published run, or one of its files changed.
    """
    advice = "Expected a published run folder, such as runs/kitti-finetune."
    digest = read_json(run.path / IDENTITY, error=StoreError, advice=advice)["digest"]
    if not run.holds(digest):
        raise StoreError(f"{run.path}: a file changed since it was published; `kittidet verify` names it.")
    return mirror_run(client, place, run, digest, folder=str(run.path.absolute()))


def mirror_run(client: "MlflowClient", place: TrackingPlace, run: Run, digest: str, *, folder: str) -> "MlflowRun":
    """Return MLflow's run of a finished run: the one there is, or a new one.

    Args:
        client: of the MLflow.
        place: that the client is connected to.
        run: whose files are sent.
        digest: identity of the run.
        folder: where it was published.
    """
    from mlflow.entities import Param, RunTag  # noqa: PLC0415  as in `client`

    experiment = experiment_id(client, place)
    published_ms = _published_ms(run)
    found = find_run(client, experiment, digest)
    if found is None:
        found = client.create_run(
            experiment, start_time=published_ms, run_name=run.summary["name"], tags={RUN_TAG: digest}
        )
    if found.info.status == _FINISHED:
        return found
    run_id = found.info.run_id
    parameters = [Param(name, value[:_LONGEST]) for name, value in _parameters(run.config)]
    tags = [RunTag(name, value) for name, value in _lineage(run, folder).items()]
    client.log_batch(run_id, params=parameters[:_PARAMETERS_AT_ONCE], tags=tags)
    for start in range(_PARAMETERS_AT_ONCE, len(parameters), _PARAMETERS_AT_ONCE):
        client.log_batch(run_id, params=parameters[start : start + _PARAMETERS_AT_ONCE])
    metrics = list(_metrics(run, published_ms))
    for start in range(0, len(metrics), _METRICS_AT_ONCE):
        client.log_batch(run_id, metrics=metrics[start : start + _METRICS_AT_ONCE])
    for name in _FILES:
        if (run.path / name).is_file():
            client.log_artifact(run_id, str(run.path / name))
    for name in _FOLDERS:
        if (run.path / name).is_dir():
            client.log_artifacts(run_id, str(run.path / name), artifact_path=name)
    client.set_terminated(run_id, _FINISHED, end_time=published_ms)
    return client.get_run(run_id)


def find_run(client: "MlflowClient", experiment: str, digest: str) -> "MlflowRun | None":
    """Return MLflow's run of a run's digest, or None; of several, which machines that raced have made, always one."""
    found = client.search_runs([experiment], f"tags.`{RUN_TAG}` = '{digest}'")
    return min(found, key=lambda run: (run.info.status != _FINISHED, run.info.run_id), default=None)


def _parameters(section: Section, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, plain in section.model_dump(mode="json").items():
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from _parameters(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", plain if isinstance(plain, str) else json.dumps(plain)


def _metrics(run: Run, time_ms: int) -> Iterator["Metric"]:
    """Yield every number with the epoch it belongs to; the time is one, so that sending them again adds nothing."""
    from mlflow.entities import Metric  # noqa: PLC0415  as in `client`

    epochs = run.history.get("epoch", ())
    for name, column in run.history.items():
        if name not in {"epoch", "step"}:
            pairs = zip(epochs, column, strict=True)
            yield from (Metric(name, value, time_ms, int(epoch)) for epoch, value in pairs if math.isfinite(value))
    for row in run.summary["checkpoints"]:
        if not row["average_of"] and row["ap"] is not None:
            yield Metric("checkpoint.ap", row["ap"], time_ms, row["epoch"])
    whole, by_class = scores_of(run)
    for name, score in {**whole, **{f"ap.{_plain(kind)}": score for kind, score in by_class.items()}}.items():
        for part, value in (("", score.value), (".low", score.low), (".high", score.high)):
            if value is not None:
                yield Metric(f"{name}{part}", value, time_ms, run.summary["best_epoch"])


def _lineage(run: Run, folder: str) -> dict[str, str]:
    digests = {f"kittidet.{name}": digest for name, digest in run.summary["digests"].items() if digest is not None}
    commit = run.summary.get("environment", {}).get("commit")
    return {
        **digests,
        **({} if commit is None else {"mlflow.source.git.commit": str(commit)}),
        "mlflow.source.name": "kittidet",
        "kittidet.folder": folder,
        "kittidet.synthetic": str(run.is_synthetic).lower(),
    }


def _published_ms(run: Run) -> int:
    """Return when a run was published, in milliseconds since 1970; 0 for a run that does not know."""
    said = run.summary.get("published")
    return 0 if said is None else round(datetime.fromisoformat(said).timestamp() * 1000)


def _plain(name: str) -> str:
    """Return a class name as MLflow takes it for a metric."""
    return re.sub(r"[^\w. -]", "_", name)
