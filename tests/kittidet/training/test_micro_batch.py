"""How many images are in memory at a time halves where it runs out, and a run remembers it."""

import pytest
from pydantic import ValidationError

from kittidet.config import ModelConfig, TrainConfig
from kittidet.errors import TrainingError
from kittidet.training.micro_batch import first_micro_batch, step_down

MODEL = ModelConfig(variant="d4", input_hw=(384, 1280))


def test_all_images_are_tried_first_and_then_half_of_them_and_a_new_start_remembers(tmp_path):
    train = TrainConfig(batch_size=12)
    tried = [first_micro_batch(tmp_path, train)]
    while tried[-1] > 1:
        tried.append(step_down(tmp_path, train, MODEL, tried[-1], "OOM"))
        assert first_micro_batch(tmp_path, train) == tried[-1]
    assert tried == [12, 6, 3, 1]
    with pytest.raises(
        TrainingError, match=r"1 image at a time .*d4 at 1280x384\): OOM Choose a smaller model.variant"
    ):
        step_down(tmp_path, train, MODEL, 1, "OOM")


@pytest.mark.parametrize(("memory", "images"), [(100, 12), (15, 12), (14, 6), (8, 6), (5, 4), (4, 3), (2, 1), (0, 1)])
def test_without_a_gpu_the_first_number_is_the_largest_that_should_fit(tmp_path, memory, images):
    train = TrainConfig(batch_size=12)
    assert first_micro_batch(tmp_path, train, peak=lambda n: n, memory=memory) == images


def test_what_was_asked_for_or_found_before_comes_before_what_is_predicted(tmp_path):
    asked = TrainConfig(batch_size=12, micro_batch=4)
    assert first_micro_batch(tmp_path, asked, peak=lambda n: n, memory=1) == 4
    step_down(tmp_path, TrainConfig(batch_size=12), MODEL, 12, "OOM")
    assert first_micro_batch(tmp_path, TrainConfig(batch_size=12), peak=lambda n: n, memory=100) == 6


def test_a_number_that_was_asked_for_is_not_changed(tmp_path):
    train = TrainConfig(batch_size=12, micro_batch=4)
    assert first_micro_batch(tmp_path, train) == 4
    with pytest.raises(TrainingError, match=r"4 images at a time .*Set train\.micro_batch=auto"):
        step_down(tmp_path, train, MODEL, 4, "OOM")


def test_a_number_that_does_not_divide_the_batch_is_refused():
    with pytest.raises(ValidationError, match="micro_batch 5 does not divide batch_size 12"):
        TrainConfig(batch_size=12, micro_batch=5)


@pytest.mark.parametrize(("devices", "auto", "asked"), [(1, 12, 4), (2, 6, 3), (3, 4, 4), (4, 3, 3), (12, 1, 1)])
def test_a_device_has_at_most_its_share_in_memory_and_what_divides_it(tmp_path, devices, auto, asked):
    train = TrainConfig(batch_size=12)
    assert first_micro_batch(tmp_path, train, devices=devices) == auto
    assert first_micro_batch(tmp_path, train.model_copy(update={"micro_batch": 4}), devices=devices) == asked
    # What one device had found to fit.
    step_down(tmp_path, train, MODEL, 8, "OOM")
    assert first_micro_batch(tmp_path, train, devices=devices) == asked
    if auto > 1:
        assert step_down(tmp_path, train, MODEL, auto, "OOM", devices=devices) <= auto // 2
