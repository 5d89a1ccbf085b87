"""The graph of a training step stays small: it takes longer to trace and rewrite than a step to run."""

import numpy as np
import pytest
import tensorflow as tf

from kittidet.config import TrainConfig
from kittidet.model.anchors import build_anchors
from kittidet.model.efficientdet import build_efficientdet
from kittidet.model.normalization import freeze_batch_norm
from kittidet.training.model import TrainableDetector
from kittidet.training.optimizer import build_optimizer

SIDE = 128
LIMIT = 10_500


def count_operations(*, frozen: bool) -> int:
    """Return how many operations a step of d0 has, those of functions that it calls included."""
    network = build_efficientdet("d0", 8, (SIDE, SIDE))
    if frozen:
        freeze_batch_norm(network)
    anchors_xyxy = build_anchors("d0", input_hw=(SIDE, SIDE))
    detector = TrainableDetector(network, anchors_xyxy=anchors_xyxy, recipe=TrainConfig())
    optimizer = build_optimizer(TrainConfig(), learning_rate=0.001, model=detector)
    detector.compile(optimizer=optimizer, jit_compile=False, auto_scale_loss=False)
    batch = {
        "image": tf.zeros((2, SIDE, SIDE, 3)),
        "boxes_xyxy": tf.constant(np.tile([10, 10, 100, 120], (2, 2, 1)), tf.float32),
        "class_ids": tf.constant([[1, 5]] * 2),
        "dont_care_xyxy": tf.zeros((2, 1, 4)),
    }
    graph = tf.function(detector.train_step).get_concrete_function(batch).graph.as_graph_def()
    return len(graph.node) + sum(len(function.node_def) for function in graph.library.function)


@pytest.mark.parametrize("frozen", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_training_step_has_few_operations(frozen):
    assert count_operations(frozen=frozen) <= LIMIT
