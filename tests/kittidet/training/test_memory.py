"""Sizes are counted as the network has them, and the prediction is near what was measured."""

import json
from pathlib import Path

import pytest

from kittidet.config import ModelConfig, TrainConfig
from kittidet.model.efficientdet import build_efficientdet
from kittidet.training.memory import predicted_peak, sizes_of

# Largest resident memory of trainings of their own, bytes, as benchmarks/bench_memory.py measured it.
MEASURED = json.loads((Path(__file__).parents[2] / "golden" / "memory.json").read_text(encoding="utf-8"))


def sizes(variant, input_hw, norm="frozen"):
    return sizes_of(ModelConfig(variant=variant, input_hw=input_hw), num_classes=8, batch_norm=norm)


@pytest.mark.parametrize("variant", ["d0", "lite0", "d2"])
def test_weights_are_counted_as_the_network_has_them(variant):
    network = build_efficientdet(variant, 8, (128, 128))
    assert sizes(variant, (128, 128)).weights == pytest.approx(network.count_params(), rel=0.03)


def test_maps_grow_with_the_image_and_weights_do_not():
    small, large = sizes("d0", (128, 256)), sizes("d0", (256, 512))
    assert large.maps == pytest.approx(4 * small.maps, rel=0.02)
    assert large.weights == small.weights
    assert large.pixels == 3 * 256 * 512


def test_a_batch_norm_that_trains_keeps_more_than_one_that_is_frozen():
    for variant in ("d0", "lite0"):
        assert sizes(variant, (128, 256), "train").maps > sizes(variant, (128, 256)).maps
        assert sizes(variant, (128, 256), "affine").maps == sizes(variant, (128, 256)).maps


@pytest.mark.parametrize("cell", [*MEASURED["fitted"], *MEASURED["checked"]], ids=str)
def test_the_prediction_is_within_a_tenth_of_every_training_that_was_measured(cell):
    variant, height, width, batch, micro, norm = cell["cell"]
    found = predicted_peak(sizes(variant, (height, width), norm), TrainConfig(batch_size=batch), micro)
    assert found == pytest.approx(cell["peak"], rel=0.10)
