"""The flow `kitti-train`: fine-tune and evaluate, on whatever machine its pool's worker runs.

Called by `kitti-finetune` where a GPU pool has a worker; the same function runs inside that flow where none has.
"""

from prefect import flow

from flows.attempts import check_starts
from kittidet.config import RunConfig
from kittidet.config_types import StorePlace
from kittidet.limits import check_limits, check_store
from kittidet.steps.again import with_damage_made_again
from kittidet.steps.outputs import DataOutputs
from kittidet.steps.plan import with_start_here
from kittidet.store import StepOutput, Store
from tasks.caching import in_store
from tasks.logs import show_library_lines
from tasks.steps import evaluate, fine_tune


def train_and_evaluate(
    store_dir: StorePlace, config: RunConfig, data: DataOutputs
) -> tuple[StepOutput, tuple[StepOutput, ...]]:
    """Return the training and the scores of each kept checkpoint; both run in the calling process's main thread."""
    trained = in_store(fine_tune, store_dir)(store_dir, data, config.model, config.train, config.evaluation)
    evaluations = tuple(
        in_store(evaluate, store_dir)(store_dir, trained, checkpoint["name"], data, config.evaluation, config.compute)
        for checkpoint in trained.summary["checkpoints"]
    )
    return trained, evaluations


@flow(
    name="kitti-train",
    description="Fine-tune and evaluate on records that are already in the store.",
)
def kitti_train(store_dir: StorePlace, config: RunConfig, data: DataOutputs) -> None:
    """Leave the training and the scores of each kept checkpoint in the store."""
    show_library_lines()
    check_starts()
    check_limits(config)
    check_store(store_dir, what="store_dir")
    config = with_start_here(Store(store_dir), config)
    with_damage_made_again(lambda: train_and_evaluate(store_dir, config, data))
