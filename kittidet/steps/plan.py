"""Before a re-training: whether there is anything to do, and with which start and split it can be compared.

The validation list is frozen: a challenger is scored on the frames that the champion was scored on, and trains on every
other one. The training in between is the pipeline's own (`steps.pipeline`, or the flow `kitti-finetune`).
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from kittidet.config import RunConfig, SplitConfig
from kittidet.errors import ConfigError, DatasetContractError
from kittidet.files import digest_of
from kittidet.kitti.lists import write_ids
from kittidet.registry.records import Decision, ModelVersion
from kittidet.registry.register import checkpoint_of, pulled_here, read_file
from kittidet.registry.registry import Registry
from kittidet.retraining.changes import Origin, made_before
from kittidet.runs.run import VAL_IDS
from kittidet.runs.settings import deciding_settings
from kittidet.steps.code import code_digest
from kittidet.steps.fetch import dataset_tree
from kittidet.steps.split import split, split_ids
from kittidet.steps.validate import accepted_ids
from kittidet.store import StepOutput, Store, step_key

VERSION = 1


class Plan(BaseModel):
    """What a re-training is about to do, as tasks pass it on.

    Attributes:
        config: what to train with: the configuration asked for, started and split so that the champion can be compared.
        settings: digest of the settings asked for.
        champion: version in use; None before the first.
        is_needed: whether there is anything to do.
        sentence: what, and why.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: RunConfig
    settings: str
    champion: int | None
    is_needed: bool
    sentence: str


def plan_retraining(store: Store, config: RunConfig, dataset: StepOutput, validation: StepOutput) -> Plan:
    """Return what is to be done with a data set.

    Raises:
        ConfigError: if a challenger of these settings could not be compared with the champion, or not start from it.
        DatasetContractError: if no frame is left that the champion was scored on, or none to train on.
    """
    registry = Registry(store.place)
    settings = digest_of(deciding_settings(config))
    champion = registry.champion(config.name)
    if champion is None:
        said = f"{config.name} has no champion yet: this training makes the first."
        return Plan(config=config, settings=settings, champion=None, is_needed=True, sentence=said)
    _check_comparable(config, champion)
    origin = Origin(dataset.summary["content"], settings, code_digest())
    known = made_before(origin, registry.versions(config.name), champion)
    if known is not None and (known.version == champion.version or is_settled(registry, champion, known)):
        was = "" if known.version == champion.version else f", which was compared with version {champion.version}"
        said = f"{config.name} is unchanged: data, settings and code are those of version {known.version}{was}."
        return Plan(config=config, settings=settings, champion=champion.version, is_needed=False, sentence=said)
    changed = origin.differs_from(Origin.of(champion))
    frozen = _frozen_split(store, registry, champion, config, dataset, validation)
    start = config.train.initial_weights
    if config.retrain.start != "configured":
        start = checkpoint_of(registry, champion) if config.retrain.start == "champion" else "coco"
    trained = config.model_copy(
        update={"split": frozen, "train": config.train.model_copy(update={"initial_weights": start})}
    )
    what = " and ".join(changed) or "nothing but the comparison that is missing"
    said = f"{config.name} trains again: since version {champion.version} there is new {what}."
    return Plan(config=trained, settings=settings, champion=champion.version, is_needed=True, sentence=said)


def with_start_here(store: Store, config: RunConfig) -> RunConfig:
    """Return a configuration that starts from the same checkpoint on this machine, where another one planned it.

    Raises:
        RegistryError: if the registry has that checkpoint no longer.
    """
    start = config.train.initial_weights
    if not isinstance(start, Path):
        return config
    here = config.train.model_copy(update={"initial_weights": pulled_here(Registry(store.place), start)})
    return config.model_copy(update={"train": here})


def decision_on(registry: Registry, champion: int, challenger: ModelVersion) -> Decision | None:
    """Return the decision between two versions, or None where they were never compared."""
    found = registry.decisions(challenger.model)
    pair = (champion, challenger.version)
    return next((d for d in reversed(found) if (d.champion, d.challenger) == pair), None)


def is_settled(registry: Registry, champion: ModelVersion, challenger: ModelVersion) -> bool:
    """Return whether two versions were compared and what was decided was done, even if a person undid it later."""
    decision = decision_on(registry, champion.version, challenger)
    if decision is None:
        return False
    return not decision.promote or challenger.version in {move.version for move in registry.history(challenger.model)}


def _check_comparable(config: RunConfig, champion: ModelVersion) -> None:
    ours, theirs = config.records.table().names, tuple(champion.per_class_ap)
    if set(ours) != set(theirs):
        raise ConfigError(
            f"{config.name}: the champion, version {champion.version}, knows the classes {', '.join(theirs)}, these "
            f"settings {', '.join(ours)}: two such detectors cannot be compared. Give the new one another `name`, or "
            "train it with `kittidet run` and promote it with `kittidet models promote`."
        )
    if config.retrain.start == "champion" and config.model.variant != champion.variant:
        raise ConfigError(
            f"{config.name}: cannot start a {config.model.variant} from the champion, version {champion.version}, a "
            f"{champion.variant}. Set retrain.start=coco, or model.variant={champion.variant}."
        )


def _frozen_split(
    store: Store,
    registry: Registry,
    champion: ModelVersion,
    config: RunConfig,
    dataset: StepOutput,
    validation: StepOutput,
) -> SplitConfig:
    """Return the split whose validation frames are the champion's, as far as they are still there."""
    accepted = accepted_ids(store, validation)
    held_out = set(read_file(registry, champion, VAL_IDS).decode().splitlines())
    val = [i for i in accepted if i in held_out]
    if config.split.method in {"random80", "drive"}:
        may_train = set(accepted)
    else:
        may_train = set(split_ids(store, split(store, dataset, validation, config.split), "train"))
    if config.split.method == "drive":
        # A drive that is scored on stays out of training when it grows.
        drives = dataset_tree(store, dataset).drive_of()
        scored = {drives.get(i) for i in val}
        may_train = {i for i in may_train if drives.get(i) not in scored}
    train = [i for i in accepted if i in may_train and i not in held_out]
    for side, ids in (("to score on", val), ("to train on", train)):
        if not ids:
            raise DatasetContractError(
                f"{config.name}: of the {len(accepted)} frames of this data none is left {side}: the champion, version "
                f"{champion.version}, was scored on {len(held_out)}. Keep its validation frames in the data, or give "
                "the model of other data another `name`."
            )

    def make(folder: Path) -> dict[str, object]:
        write_ids(folder / "train.txt", train)
        write_ids(folder / "val.txt", val)
        return {"n_train": len(train), "n_val": len(val), "gone": len(held_out) - len(val)}

    output = store.get_or_make(step_key("frozen-split", VERSION, train=train, val=val), make)
    folder = store.read(output)
    lists = {"train_list": folder / "train.txt", "val_list": folder / "val.txt"}
    return config.split.model_copy(update={"method": "lists", **lists})
