"""The network with its losses, as a Keras model that ``fit`` trains on batch dictionaries."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from kittidet.config import TrainConfig
from kittidet.training.losses import focal_loss, huber_box_loss, iou_box_loss, l2_loss, normalizer_of
from kittidet.training.targets import Targets, assign_targets

# What the losses read from a batch, the last where its records have regions of one class; the rest is dropped (ids are
# strings, which accelerators do not accept).
BATCH_KEYS = ("image", "boxes_xyxy", "class_ids", "dont_care_xyxy", "dont_care_class_ids")


class TrainableDetector(keras.Model):
    """A network with its losses, trained on labelled batches.

    Reported for each epoch as means over its steps: ``loss`` (the total), ``cls_loss``, ``box_loss``,
    ``iou_loss`` (each without its weight), ``l2_loss``, and ``num_positives``, anchors with an object in a batch.

    Args:
        network: maps ``[b, h, w, 3]`` to ``class_logits`` and ``box_codes``; shared, not copied.
        anchors_xyxy: ``[A, 4]`` float32, in the order of the outputs, input pixels.
        recipe: weights and shapes of the losses.

    Raises:
        ValueError: if the network has a different number of anchors.
    """

    def __init__(self, network: keras.Model, *, anchors_xyxy: npt.NDArray[np.float32], recipe: TrainConfig) -> None:
        # Boxes are in pixels, which half precision would round, so inputs are not cast.
        super().__init__(name="detector", dtype="float32", autocast=False)
        outputs = network.output["box_codes"].shape[1]
        if outputs != len(anchors_xyxy):
            raise ValueError(f"the network predicts {outputs} boxes, but there are {len(anchors_xyxy)} anchors")
        self.network = network
        self.anchors_xyxy = anchors_xyxy
        self.recipe = recipe
        self.trackers = {
            name: keras.metrics.Mean(name=name)
            for name in ("cls_loss", "box_loss", "iou_loss", "l2_loss", "num_positives")
        }
        self.built = True

    def call(self, batch: dict[str, Any], training: bool | None = None) -> dict[str, Any]:  # noqa: FBT001  Keras' own
        """Return the network's outputs for a batch dictionary."""
        return self.network(batch["image"], training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,  # noqa: ARG002  Keras' signature: labels are in x
        y_pred: Any = None,
        sample_weight: Any = None,  # noqa: ARG002
        training: bool = True,  # noqa: ARG002, FBT001, FBT002
    ) -> Any:
        """Return the scalar that is minimised: class + weighted box (+ IoU) + L2; the parts go to the metrics.

        Args:
            x: a batch: ``boxes_xyxy`` ``[b, n, 4]`` input pixels, ``class_ids`` ``[b, n]``, ``dont_care_xyxy``
                ``[b, m, 4]`` input pixels.
            y: not used.
            y_pred: the network's outputs.
            sample_weight: not used.
            training: not used.
        """
        parts = self.loss_parts(x, y_pred)
        self.track(parts)
        return self.weighted(parts)

    def track(self, parts: dict[str, Any]) -> None:
        """Add the parts of a batch's loss to the means that are reported."""
        for name, value in parts.items():
            self.trackers[name].update_state(value)

    def weighted(self, parts: dict[str, Any]) -> Any:
        """Return the scalar that is minimised from the parts of the loss."""
        recipe = self.recipe
        loss = parts["cls_loss"] + recipe.box_loss_weight * parts["box_loss"] + parts["l2_loss"]
        return loss + recipe.iou_loss_weight * parts["iou_loss"] if recipe.iou_loss != "none" else loss

    def targets_of(self, batch: dict[str, Any]) -> Targets:
        """Return what the anchors should predict for a batch."""
        return assign_targets(
            batch["boxes_xyxy"],
            batch["class_ids"],
            self.anchors_xyxy,
            dont_care_xyxy=batch["dont_care_xyxy"] if self.recipe.ignore_dont_care else None,
            dont_care_class_ids=batch.get("dont_care_class_ids"),
            num_classes=self.network.output["class_logits"].shape[-1],
        )

    def loss_parts(
        self, batch: dict[str, Any], outputs: dict[str, Any], *, normalizer: Any | None = None
    ) -> dict[str, Any]:
        """Return the scalar parts of the loss, unweighted, by the names they are reported under.

        Args:
            batch: as in `compute_loss`.
            outputs: the network's.
            normalizer: the divisor where the batch is a part of a larger one; None: the batch's own.
        """
        recipe = self.recipe
        targets = self.targets_of(batch)
        normalizer = normalizer_of(targets) if normalizer is None else normalizer
        logits, codes = outputs["class_logits"], outputs["box_codes"]
        iou = (
            iou_box_loss(codes, targets, self.anchors_xyxy, normalizer=normalizer, kind=recipe.iou_loss)
            if recipe.iou_loss != "none"
            else 0.0
        )
        # AdamW decays the kernels itself and would rescale away a penalty in the gradient.
        l2 = l2_loss(self.trainable_variables, weight=recipe.l2) if recipe.optimizer == "sgd" else 0.0
        return {
            "cls_loss": focal_loss(
                logits,
                targets,
                normalizer=normalizer,
                alpha=recipe.focal_alpha,
                gamma=recipe.focal_gamma,
                label_smoothing=recipe.label_smoothing,
            ),
            "box_loss": huber_box_loss(codes, targets, normalizer=normalizer, delta=recipe.huber_delta),
            "iou_loss": iou,
            "l2_loss": l2,
            "num_positives": normalizer - 1.0,
        }
