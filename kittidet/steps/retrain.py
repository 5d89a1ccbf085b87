"""A whole re-training without an orchestrator: plan, drift, the pipeline, and the judgement of what came of it."""

import logging

from kittidet.config import RunConfig
from kittidet.mirror.place import check_tracking
from kittidet.progress import FileProgress, in_words
from kittidet.steps.drift import report_drift
from kittidet.steps.fetch import fetch
from kittidet.steps.judge import Outcome, judge, unchanged
from kittidet.steps.mirror import mirror_registered
from kittidet.steps.pipeline import run_pipeline
from kittidet.steps.plan import plan_retraining
from kittidet.steps.validate import validate
from kittidet.store import Store

log = logging.getLogger(__name__)


def retrain(config: RunConfig, *, progress: FileProgress | None = None) -> Outcome:
    """Return how a re-training of ``config.name`` ended; where nothing has changed, nothing is trained.

    Raises:
        KittidetError: from the step that cannot be done.
    """
    store = Store(config.store_dir)
    check_tracking(config.tracking, store.place)
    dataset = fetch(store, config.source, progress=progress)
    validation = validate(store, dataset, config.validation, config.records, config.compute)
    plan = plan_retraining(store, config, dataset, validation)
    log.info("retrain.plan champion=%s needed=%s", plan.champion, plan.is_needed, extra=in_words(plan.sentence))
    if not plan.is_needed:
        return unchanged(plan)
    if plan.champion is not None:
        drift = report_drift(store, plan, dataset)
        log.info("retrain.drift drifted=%s rows=%s", drift.has_drifted, drift.rows, extra=in_words(drift.sentence))
    outcome = judge(store, plan, run_pipeline(plan.config, progress=progress))
    mirror_registered(store.place, outcome.model, config.tracking)
    return outcome
