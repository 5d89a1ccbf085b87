"""The flow `kitti-retrain`: train again where something changed, and let the better one of old and new be used."""

from typing import cast

from prefect import State, flow
from prefect.states import Completed

from flows.attempts import check_starts, failed, run_name
from flows.kitti_finetune import PresetName, Trainer, kitti_finetune
from flows.passwords import without_passwords
from kittidet.config import RunConfig
from kittidet.config_file import load_run_config
from kittidet.config_types import NoPassword
from kittidet.errors import ConfigError
from kittidet.mirror.place import check_tracking
from kittidet.presets import DEFAULT_PRESET
from kittidet.presets import preset as preset_config
from kittidet.steps.judge import Outcome, unchanged
from kittidet.store import Store
from tasks.absence import wait_for_server
from tasks.caching import in_store
from tasks.gpu_pool import cancel_children
from tasks.logs import show_library_lines
from tasks.mirroring import mirror_model
from tasks.retraining import drift, judge, plan, show_outcome
from tasks.slots import working
from tasks.steps import fetch, validate


@without_passwords
@flow(
    name="kitti-retrain",
    description=(
        "Nothing new: ends at once. Else drift of the new data, fine-tune, compare with the champion, promote or keep."
    ),
    flow_run_name=run_name,
    on_cancellation=[cancel_children],
)
def kitti_retrain(
    preset: PresetName = DEFAULT_PRESET,
    config: RunConfig | None = None,
    overrides: tuple[NoPassword, ...] = (),
    trainer: Trainer = "auto",
) -> Outcome:
    """Return how the re-training ended; the run's final state says it in one sentence.

    Args:
        preset: the published run to start from.
        config: changes to the preset, section by section; what it leaves out is the preset's.
        overrides: dotted changes on top, for example ``retrain.rule=not_worse``.
        trainer: as in `kitti_finetune`.
    """
    show_library_lines()
    check_starts()
    try:
        run = load_run_config(preset_config(preset), overrides=overrides, changes=config)
        check_tracking(run.tracking, run.store_dir)
    except ConfigError as error:
        return cast("Outcome", failed(error))
    store_dir = Store(run.store_dir).place

    # The order is that of kittidet/steps/retrain.py.
    with working():
        dataset = in_store(fetch, store_dir)(store_dir, run.source)
        validation = in_store(validate, store_dir)(store_dir, dataset, run.validation, run.records, run.compute)
        planned = plan(store_dir, run, dataset, validation)
        if not planned.is_needed:
            return cast("Outcome", _ended(unchanged(planned)))
        if planned.champion is not None:
            drift(store_dir, planned, dataset)
    wait_for_server()
    trained = kitti_finetune(preset=preset, config=planned.config, trainer=trainer, return_state=True)
    published = trained.result()
    with working():
        outcome = judge(store_dir, planned, published, trained.state_details.flow_run_id)
        mirror_model(store_dir, outcome.model, run.tracking)
    return cast("Outcome", _ended(outcome))


def _ended(outcome: Outcome) -> State:
    """Return the state that a run ends in, with the reason where a person looks first."""
    show_outcome(outcome)
    return Completed(message=outcome.sentence, data=outcome)
