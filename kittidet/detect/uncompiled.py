"""A checkpoint's network for a handful of images, ready in a fraction of the time that a compiled one takes.

No variable is made and nothing is traced: the weights go straight from the file into the layers' arithmetic, operation
by operation. Each batch costs more than in a compiled network, so many images are not for this one.
"""

from pathlib import Path
from typing import Any

import keras

from kittidet.detect.checkpoint import DetectorFacts, load_weights
from kittidet.model.efficientdet import build_efficientdet


class UncompiledNetwork:
    """An EfficientDet that only predicts; called as a Keras model is.

    Args:
        facts: what the weights mean.
        weights: the ``.weights.h5`` file.

    Raises:
        CheckpointMismatchError: as `checkpoint.load_weights`.
    """

    def __init__(self, facts: DetectorFacts, weights: Path) -> None:
        # In such a scope Keras notes shapes and values, and leaves out TensorFlow's variables with their first values.
        with keras.StatelessScope(initialize_variables=False) as scope:
            self._network = build_efficientdet(facts.model.variant, len(facts.table), facts.model.input_hw)
            load_weights(self._network, weights)
            self._values = [(variable, scope.get_current_value(variable)) for variable in self._network.weights]

    def __call__(self, images: Any, *, training: bool = False) -> dict[str, Any]:
        """Return the raw outputs of normalised images ``[b, h, w, 3]``."""
        if training:
            raise ValueError("an uncompiled network cannot be trained: load the detector with `Detector.load`")
        with keras.StatelessScope(self._values, initialize_variables=False):
            outputs: dict[str, Any] = self._network(images, training=False)
        return outputs
