"""The registry's model as a registered model of MLflow: its versions, and the champion as an alias."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from kittidet.errors import RegistryError
from kittidet.mirror.client import experiment_id
from kittidet.mirror.place import TrackingPlace
from kittidet.mirror.runs import RUN_TAG, find_run, mirror_run
from kittidet.registry.records import ModelVersion
from kittidet.registry.register import pull
from kittidet.registry.registry import Registry
from kittidet.runs.run import BEST, Run

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

CHAMPION = "champion"
_DECISION_TAG = "kittidet.decision"
# Of the champion, that may come in between.
_MOVES = 5


def mirror_model(client: "MlflowClient", place: TrackingPlace, registry: Registry, model: str) -> None:
    """Bring MLflow's versions of a model and its champion up to the registry's; what is there already stays.

    Versions are told apart by their runs: MLflow counts for itself, and the registry's number is a tag.

    Raises:
        RegistryError: if the registry has no such model, or a version in it is damaged.
    """
    if not registry.versions(model):
        raise RegistryError(f"{registry.objects.root}: no model {model!r}. See `kittidet models list`.")
    _ensure_model(client, model)
    for _ in range(_MOVES):
        numbers = _mirror_versions(client, place, registry, model)
        # Asked after it was set as well: somebody may promote another meanwhile, here or on another machine.
        champion = registry.champion(model)
        if champion is None:
            return
        number = numbers.get(champion.run_digest)
        # A number from one store, text from another.
        if number == str(client.get_registered_model(model).aliases.get(CHAMPION)):
            return
        if number is not None:
            client.set_registered_model_alias(model, CHAMPION, number)


def _ensure_model(client: "MlflowClient", model: str) -> None:
    from mlflow import MlflowException  # noqa: PLC0415  as in `client`

    try:
        client.create_registered_model(model)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _mirror_versions(client: "MlflowClient", place: TrackingPlace, registry: Registry, model: str) -> dict[str, str]:
    """Return MLflow's number of every version of a model by the digest of its run, making those that are missing."""
    found = client.search_model_versions(f"name = '{model}'")
    known = {version.tags.get(RUN_TAG): version for version in reversed(found)}
    decided = {decision.challenger: decision.sentence for decision in registry.decisions(model)}
    numbers = {}
    for version in registry.versions(model):
        there = known.get(version.run_digest)
        if there is None:
            run = _run_of(client, place, registry, version)
            source = f"{run.info.artifact_uri}/{BEST}"
            there = client.create_model_version(model, source, run.info.run_id, tags=_tags(version))
        numbers[version.run_digest] = str(there.version)
        decision = decided.get(version.version)
        if decision is not None and there.tags.get(_DECISION_TAG) != decision:
            client.set_model_version_tag(model, str(there.version), _DECISION_TAG, decision)
    return numbers


def _run_of(client: "MlflowClient", place: TrackingPlace, registry: Registry, version: ModelVersion) -> "MlflowRun":
    """Return MLflow's run of a version: sent from its folder, or from the registry's files where that is gone."""
    found = find_run(client, experiment_id(client, place), version.run_digest)
    if found is not None and found.info.status == "FINISHED":
        return found
    run = Run(Path(version.run_path))
    with TemporaryDirectory() as folder:
        if not run.holds(version.run_digest):
            run = Run(pull(registry, version, Path(folder) / "run"))
        return mirror_run(client, place, run, version.run_digest, folder=version.run_path)


def _tags(version: ModelVersion) -> dict[str, str]:
    origin = version.lineage.model_dump(exclude_none=True)
    return {
        RUN_TAG: version.run_digest,
        "kittidet.version": str(version.version),
        "kittidet.checkpoint": version.checkpoint,
        **({} if version.parent is None else {"kittidet.parent": str(version.parent)}),
        **{f"kittidet.{name}": value for name, value in origin.items()},
        "kittidet.writer": version.writer,
    }
