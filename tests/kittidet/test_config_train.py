"""kittidet.config_train: the fine-tune's values, and those that exclude each other."""

import pytest
from pydantic import ValidationError

from kittidet.config_train import AugmentConfig, TrainConfig


def test_the_peak_of_the_rate_is_as_set_or_the_optimisers_own():
    assert TrainConfig().peak_rate == 0.08
    assert TrainConfig(optimizer="adamw").peak_rate == 0.004
    assert TrainConfig(optimizer="adamw", learning_rate=0.1).peak_rate == 0.1


def test_images_in_memory_at_a_time_divide_the_batch():
    assert TrainConfig(batch_size=8, micro_batch=4).micro_batch == 4
    with pytest.raises(ValidationError, match="micro_batch 3 does not divide batch_size 8"):
        TrainConfig(batch_size=8, micro_batch=3)


@pytest.mark.parametrize("scales", [{"scale_min": 2.0}, {"scale_min": 1e-9}, {"scale_max": 1e9}])
def test_a_resize_that_leaves_no_image_is_refused(scales):
    with pytest.raises(ValidationError, match="scale_m"):
        AugmentConfig(**scales)


@pytest.mark.parametrize("key", ["learning_rate", "warmup_epochs", "clip_norm", "l2", "box_loss_weight", "huber_delta"])
def test_numbers_are_finite_and_no_larger_than_float16_can_hold(key):
    for value in (float("inf"), float("nan"), 1e30):
        with pytest.raises(ValidationError, match=key):
            TrainConfig.model_validate({key: value})


def test_a_training_that_is_extended_is_another_one_that_names_the_epochs_of_the_shorter_ones():
    once = TrainConfig(epochs=60).extended(20)
    assert (once.epochs, once.extends) == (80, (60,))
    twice = once.extended(5)
    assert (twice.epochs, twice.extends, twice.earlier) == (85, (60, 80), once)
    assert TrainConfig().earlier is None
    assert TrainConfig.model_validate(twice.model_dump()) == twice
    for extends in ((60,), (70,), (20, 10), (20, 20)):
        with pytest.raises(ValidationError, match="ascending numbers of epochs below epochs 60"):
            TrainConfig(epochs=60, extends=extends)


@pytest.mark.parametrize(("old", "new"), [(True, "mixed_float16"), (False, "float32")])
def test_mixed_precision_is_read_as_precision(old, new, caplog):
    assert TrainConfig(mixed_precision=old).precision == new
    assert "mixed_precision is now called precision" in caplog.text.replace("key=", "")
