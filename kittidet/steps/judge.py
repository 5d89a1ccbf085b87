"""The end of a re-training: its run becomes a version, is compared with the champion, and takes its place or not."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from kittidet.config import RunConfig
from kittidet.config_retrain import RetrainConfig
from kittidet.errors import EvaluationError
from kittidet.eval.coco_format import ResultArray, rows_from_results
from kittidet.eval.compare import paired_ap
from kittidet.files import read_json
from kittidet.kitti.lists import read_ids
from kittidet.progress import FrameProgress
from kittidet.registry.records import Decision, ModelVersion
from kittidet.registry.register import checkpoint_of, register
from kittidet.registry.registry import Registry
from kittidet.retraining.rule import Evidence, is_promoted, level_of, margin_of, weigh
from kittidet.runs.run import TRAIN_IDS, Run
from kittidet.steps.drift import training_profile
from kittidet.steps.evaluate import score_checkpoint
from kittidet.steps.outputs import DataOutputs
from kittidet.steps.pipeline import write_data
from kittidet.steps.plan import Plan, decision_on
from kittidet.steps.publish import PublishedRun
from kittidet.store import StepOutput, Store


class Outcome(BaseModel):
    """How a re-training ended.

    Attributes:
        kind: unchanged: nothing was trained; first: the first champion; promoted; kept: the champion stays.
        model: its name.
        champion: version in use now.
        challenger: version of this training; None where nothing was trained.
        ap: of the challenger, 0..1.
        worse: a sentence where the challenger is surely worse than the champion, at the level of the rule.
        sentence: all of it in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["unchanged", "first", "promoted", "kept"]
    model: str
    champion: int
    challenger: int | None = None
    ap: float | None = None
    worse: str | None = None
    sentence: str


def unchanged(plan: Plan) -> Outcome:
    """Return the outcome of a plan with nothing to do.

    Raises:
        ValueError: if there is something to do.
    """
    if plan.is_needed or plan.champion is None:
        raise ValueError("unchanged: expected a plan with a champion and nothing to do")
    return Outcome(kind="unchanged", model=plan.config.name, champion=plan.champion, sentence=plan.sentence)


def judge(store: Store, plan: Plan, published: PublishedRun, *, progress: FrameProgress | None = None) -> Outcome:
    """Return the outcome of a re-training after registering its run and promoting it where the rule says so.

    A judgement that was killed goes on where it was: what is registered and decided is found again.

    Raises:
        PromotionLostError: if somebody promoted another version meanwhile.
        KittidetError: if the run, the registry or the champion cannot be read.
    """
    registry = Registry(store.place)
    config, name = plan.config, plan.config.name
    run = Run.open(published.path)
    data = write_data(store, config)
    profile = training_profile(store, data.dataset, read_ids(run.path / TRAIN_IDS), config.records.table())
    challenger = register(registry, run, model=name, config=plan.settings, profile=profile)
    facts = {"model": name, "challenger": challenger.version, "ap": challenger.metrics["ap"].value}
    if plan.champion is None:
        said = f"{name} version {challenger.version} is the first champion."
        registry.promote(name, challenger.version, reason=said, expected=None)
        return Outcome(kind="first", champion=challenger.version, sentence=said, **facts)
    if challenger.version == plan.champion:
        said = f"{name} version {plan.champion} stays: the training led to the same run again."
        return Outcome(kind="kept", champion=plan.champion, sentence=said, **facts)
    decision = decision_on(registry, plan.champion, challenger)
    if decision is None:
        decision = _compare(store, registry, plan.champion, challenger, run, data, config, progress)
    if not decision.promote:
        worse = _worse(decision)
        return Outcome(kind="kept", champion=plan.champion, worse=worse, sentence=decision.sentence, **facts)
    registry.promote(name, challenger.version, reason=decision.sentence, expected=plan.champion)
    return Outcome(kind="promoted", champion=challenger.version, sentence=decision.sentence, **facts)


def compared(store: Store, plan: Plan) -> tuple[DataOutputs, StepOutput]:
    """Return what a challenger was compared on, and the scores of the champion before it there.

    After `judge` all of it is in the store.

    Raises:
        ValueError: if the plan has no champion.
        KittidetError: if the registry or the champion cannot be read.
    """
    if plan.champion is None:
        raise ValueError(f"compared: expected a plan with a champion, got the first training of {plan.config.name}")
    registry, data = Registry(store.place), write_data(store, plan.config)
    champion = registry.version(plan.config.name, plan.champion)
    return data, _scores(store, registry, champion, data, plan.config)


def _compare(
    store: Store,
    registry: Registry,
    champion: int,
    challenger: ModelVersion,
    run: Run,
    data: DataOutputs,
    config: RunConfig,
    progress: FrameProgress | None,
) -> Decision:
    rule, level = config.retrain, level_of(config.retrain)
    found, upper_bound = {}, None
    for number in _references(registry, challenger.model, champion, rule):
        theirs = _results(store, registry, registry.version(challenger.model, number), data, config, progress)
        differences = paired_ap(run.ground_truth, theirs, run.results, resamples=rule.resamples, seed=0)
        try:
            found[number] = weigh(differences, level=level)
            if number == champion:
                upper_bound = -weigh(-differences, level=level).lower_bound
        except ValueError as error:
            raise EvaluationError(f"{run.path}: cannot be compared with version {number}: {error}.") from error
    promote = all(is_promoted(evidence, rule) for evidence in found.values())
    against = min(found, key=lambda number: (is_promoted(found[number], rule), number != champion))
    evidence, frames = found[against], len(run.ground_truth["images"])

    def make(look: int) -> Decision:
        said = _sentence(challenger, champion, against, evidence, rule, frames, promote=promote, look=look)
        return Decision(
            look=look,
            model=challenger.model,
            champion=champion,
            challenger=challenger.version,
            promote=promote,
            rule=rule.rule,
            margin=margin_of(rule),
            level=level,
            difference=evidence.difference,
            lower_bound=evidence.lower_bound,
            upper_bound=upper_bound,
            n_frames=frames,
            sentence=said,
        )

    return registry.decide(challenger.model, make)


def _worse(decision: Decision) -> str | None:
    if decision.upper_bound is None or decision.upper_bound >= 0:
        return None
    return (
        f"{decision.model} version {decision.challenger} is worse than the champion, version {decision.champion}, "
        f"which stays: surely below {100 * decision.upper_bound:+.2f} AP on {decision.n_frames} frames."
    )


def _references(registry: Registry, model: str, champion: int, rule: RetrainConfig) -> list[int]:
    """Return the versions that a challenger has to pass: the champion, and what began a row of "not worse" ones.

    Each of these may be a margin worse than the one before; without the second they could slide down step by step.
    """
    if rule.rule == "better":
        return [champion]
    slack = {d.challenger for d in registry.decisions(model) if d.promote and d.rule == "not_worse"}
    began = next((m.version for m in reversed(registry.history(model)) if m.version not in slack), champion)
    return [champion] if began == champion else [champion, began]


def _results(
    store: Store,
    registry: Registry,
    version: ModelVersion,
    data: DataOutputs,
    config: RunConfig,
    progress: FrameProgress | None,
) -> ResultArray:
    """Return what a version finds on the frames of this data."""
    file = store.read(_scores(store, registry, version, data, config, progress), "predictions.json")
    items = read_json(file, error=EvaluationError, advice="Delete its folder; the next run makes it again.")
    return rows_from_results(items, where=str(file))


def _scores(
    store: Store,
    registry: Registry,
    version: ModelVersion,
    data: DataOutputs,
    config: RunConfig,
    progress: FrameProgress | None = None,
) -> StepOutput:
    """Return the scores of a version on this data: the store's, or those made now."""
    checkpoint = checkpoint_of(registry, version)
    facts = {"name": f"version-{version.version}", "digest": version.checkpoint}
    return score_checkpoint(store, checkpoint, facts, data, config.evaluation, progress=progress)


def _sentence(
    challenger: ModelVersion,
    champion: int,
    against: int,
    evidence: Evidence,
    rule: RetrainConfig,
    frames: int,
    *,
    promote: bool,
    look: int,
) -> str:
    change, bound = f"{100 * evidence.difference:+.2f}", f"{100 * evidence.lower_bound:+.2f}"
    to_whom = "" if against == champion else f" against version {against}, the last that was better"
    measured = f"{change} AP on {frames} frames{to_whom}"
    who, certain = f"{challenger.model} version", f"(comparison {look}, chance of error {evidence.level:.2%})"
    if promote:
        place = f"takes the place of version {champion}"
        return f"{who} {challenger.version} {place}: {measured}, surely above {bound} {certain}."
    asked = f"{-100 * margin_of(rule):.2f}" if margin_of(rule) else "0"
    return (
        f"{who} {champion} stays: version {challenger.version} has {measured}, surely above {bound}, "
        f"where above {asked} is asked for {certain}."
    )
