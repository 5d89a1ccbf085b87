"""Step 5, train: records become checkpoints. TensorFlow is imported when the step runs, not before."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kittidet.config import EvalConfig, ModelConfig, PredictConfig, TrainConfig
from kittidet.errors import EvaluationError
from kittidet.files import digest_path
from kittidet.records.manifest import read_manifest
from kittidet.steps.fetch import dataset_images
from kittidet.steps.outputs import DataOutputs
from kittidet.steps.scoring import detect_on_records, val_frames
from kittidet.store import StepKey, StepOutput, Store, step_key
from kittidet.training.start import name_initial_weights

if TYPE_CHECKING:
    from kittidet.training.history import EpochReport, ValidationSet, ValScores

VERSION = 4
# Of the validation set, drawn with what was found in them whenever they are scored.
_SHOWN_FRAMES = 4


def train_key(data: DataOutputs, model: ModelConfig, recipe: TrainConfig) -> StepKey:
    """Return the identity of a training: the records of both sides, the model, the recipe, and what it starts from.

    How it is done is no part of it (checkpoints kept, images in memory at a time), so that this may change while the
    training runs. Nor is how they are scored: hours of training are not thrown away for another suppression of boxes.

    Raises:
        ConfigError: if ``recipe.initial_weights`` does not exist.
    """
    return step_key(
        "train",
        VERSION,
        records=data.train_records.summary["records_digest"],
        val_records=data.val_records.summary["records_digest"] if recipe.evaluate_every_epochs else None,
        model=model,
        recipe=recipe.model_dump(mode="json", exclude={"initial_weights", *recipe.no_identity}),
        initial_weights=name_initial_weights(recipe, model),
    )


def train(
    store: Store,
    data: DataOutputs,
    model: ModelConfig,
    recipe: TrainConfig,
    scoring: EvalConfig,
    *,
    on_epoch: "Callable[[EpochReport], None] | None" = None,
) -> StepOutput:
    """Return the checkpoints as a step output: ``checkpoints/step-*/``, ``history.csv``, ``tensorboard/``.

    A training that was killed resumes from its last saved epoch when this is called again. One that extends a shorter
    one goes on from a copy of it, which is made first where the store lacks it.

    Args:
        store: holds the data; receives the output.
        data: the records of both sides, and the labels to score on.
        model: the detector.
        recipe: of the fine-tune.
        scoring: of the checkpoints while they are made.
        on_epoch: called after each epoch.

    Raises:
        TrainingError, CheckpointMismatchError: if it cannot start or resume.
        EvaluationError: if there is nothing to score on.
    """

    def make(folder: Path) -> dict[str, Any]:
        from kittidet.training.data_check import check_data
        from kittidet.training.extension import go_on_from
        from kittidet.training.fit import fit_detector

        if recipe.earlier is not None:
            shorter = train(store, data, model, recipe.earlier, scoring, on_epoch=on_epoch)
            go_on_from(store.read(shorter), folder)
        records = store.read(data.train_records)
        check_data(
            read_manifest(records),
            read_manifest(store.read(data.val_records)),
            batch_size=recipe.batch_size,
            max_detections=scoring.max_detections,
        )
        with dataset_images(store, data.dataset) as images_dir:
            result = fit_detector(
                records,
                model=model,
                train=recipe,
                work_dir=folder,
                images_dir=images_dir,
                validation=validation_set(store, data, scoring, images_dir),
                on_epoch=on_epoch,
            )
        return {
            "checkpoints": [
                {
                    "name": c.path.name,
                    "step": c.step,
                    "epoch": c.epoch,
                    "average_of": list(c.average_of),
                    "digest": digest_path(c.path),
                }
                for c in result.checkpoints
            ],
            "resumed_from_step": result.resumed_from_step,
            "anchor_coverage": result.anchor_coverage,
            "rate_halvings": result.rate_halvings,
        }

    return store.get_or_make(train_key(data, model, recipe), make, resumable=True)


def validation_set(store: Store, data: DataOutputs, scoring: EvalConfig, images_dir: Path) -> "ValidationSet":
    """Return how a checkpoint is scored: the same detections and labels as in the evaluation, by the faster engine.

    Raises:
        EvaluationError: if the validation frames hold no object.
    """
    from kittidet.drawing import draw_frame
    from kittidet.eval.coco import coco_metrics
    from kittidet.report.images import read_image
    from kittidet.training.history import ValidationSet, ValScores

    if not data.val_records.summary["objects"]:
        raise EvaluationError(
            f"the {data.val_records.summary['frames']} validation frames hold no object of the classes "
            f"{', '.join(data.val_records.summary['classes'])}: no checkpoint could be scored. "
            "Use a larger data set or another split."
        )
    records = store.read(data.val_records)
    table = read_manifest(records).table
    frames = val_frames(store, data.dataset, data.split, table)

    def score(checkpoint: Path) -> "ValScores":
        detections = detect_on_records(checkpoint, records, images_dir, scoring)
        metrics = coco_metrics(frames, detections, table, engine="hotcoco")
        found = {d.frame_id: d for d in detections}
        images = [
            (
                frame.frame_id,
                draw_frame(
                    read_image(frame),
                    objects=frame.objects,
                    detections=found[frame.frame_id],
                    table=table,
                    min_score=PredictConfig().min_score,
                ),
            )
            for frame in frames[:_SHOWN_FRAMES]
        ]
        return ValScores(metrics.ap, metrics.ap50, metrics.per_class_ap, images)

    return ValidationSet(score, len(frames))


def checkpoint_path(store: Store, trained: StepOutput, name: str) -> Path:
    """Return the folder of one checkpoint of a finished training.

    Raises:
        DamagedOutputError: if it is not as the training left it.
    """
    return store.read(trained, f"checkpoints/{name}")
