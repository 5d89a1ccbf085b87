"""The flow `kitti-finetune`: from KITTI data to the checkpoint with the best AP."""

from typing import Literal, cast

from prefect import flow

from flows.attempts import check_starts, failed, run_name
from flows.kitti_train import train_and_evaluate
from flows.passwords import without_passwords
from kittidet.config import RunConfig
from kittidet.config_file import load_run_config
from kittidet.config_types import NoPassword
from kittidet.errors import ArchiveError, ConfigError
from kittidet.mirror.place import check_tracking
from kittidet.presets import DEFAULT_PRESET
from kittidet.presets import preset as preset_config
from kittidet.steps.again import with_damage_made_again
from kittidet.steps.outputs import DataOutputs, PipelineOutputs
from kittidet.steps.pipeline import find_start_first
from kittidet.steps.publish import PublishedRun
from kittidet.store import Store
from tasks.caching import in_store
from tasks.gpu_pool import cancel_children, has_gpu_worker, is_trained, train_on_gpu_pool
from tasks.logs import show_library_lines
from tasks.mirroring import mirror_run
from tasks.slots import working
from tasks.steps import fetch, publish, report, split, validate, write_records

PresetName = Literal["kitti_d0", "kitti_d2", "demo"]
Trainer = Literal["auto", "gpu-pool", "here"]


@without_passwords
@flow(
    name="kitti-finetune",
    description=(
        "Fetch, validate, split, write records, fine-tune, evaluate each kept checkpoint, publish the best, report."
    ),
    flow_run_name=run_name,
    on_cancellation=[cancel_children],
)
def kitti_finetune(
    preset: PresetName = DEFAULT_PRESET,
    config: RunConfig | None = None,
    overrides: tuple[NoPassword, ...] = (),
    trainer: Trainer = "auto",
) -> PublishedRun:
    """Return the published run.

    Args:
        preset: the published run to start from.
        config: changes to the preset, section by section; what it leaves out is the preset's.
        overrides: dotted changes on top, for example ``train.epochs=3``.
        trainer: ``auto`` trains in the GPU pool if it has a worker and in this process if not; ``gpu-pool`` waits
            for a worker; ``here`` is this process.
    """
    show_library_lines()
    check_starts()
    try:
        run = load_run_config(preset_config(preset), overrides=overrides, changes=config)
        check_tracking(run.tracking, run.store_dir)
        on_gpu_pool = trainer == "gpu-pool" or (trainer == "auto" and has_gpu_worker())
        find_start_first(Store(run.store_dir), run, trains_here=not on_gpu_pool)
    except (ArchiveError, ConfigError) as error:
        return cast("PublishedRun", failed(error))  # a state that a flow returns is how its run ends
    return with_damage_made_again(lambda: _all_steps(run, trainer))


def _all_steps(run: RunConfig, trainer: Trainer) -> PublishedRun:
    store_dir = Store(run.store_dir).place

    # The steps and their order are those of kittidet/steps/pipeline.py, where a change of them begins; here each is a
    # task, and training may be another machine's.
    with working():
        dataset = in_store(fetch, store_dir)(store_dir, run.source)
        validation = in_store(validate, store_dir)(store_dir, dataset, run.validation, run.records, run.compute)
        parts = in_store(split, store_dir)(store_dir, dataset, validation, run.split)
        # One after the other: each already uses every core, and only in the main thread can a timeout end a task.
        data = DataOutputs(
            dataset=dataset,
            validation=validation,
            split=parts,
            train_records=in_store(write_records, store_dir)(
                store_dir, dataset, parts, "train", run.records, run.compute
            ),
            val_records=in_store(write_records, store_dir)(store_dir, dataset, parts, "val", run.records, run.compute),
        )

    # Asked again: hours may have passed, and a worker may have come or gone.
    if (
        trainer != "here"
        and not is_trained(Store(store_dir), data, run)
        and (trainer == "gpu-pool" or has_gpu_worker())
    ):
        train_on_gpu_pool(store_dir, run, data)
    with working():
        # Cached where the GPU pool has just done it.
        trained, evaluations = train_and_evaluate(store_dir, run, data)
        outputs = PipelineOutputs(**dict(data), trained=trained, evaluations=evaluations)
        published = publish(store_dir, outputs, run)
        report(store_dir, published, dataset)
        mirror_run(store_dir, published.path, run.tracking)
    return published
