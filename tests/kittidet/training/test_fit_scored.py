"""A training that is scored while it runs keeps its best checkpoints, averages them, and ends where it has stalled."""

import numpy as np
import pytest
import tensorflow as tf
from fixtures.training_results import StoppedError, arrays_of, rows_of, same_arrays, stop_after
from PIL import Image
from tensorflow.core.util import event_pb2

from kittidet.detect.checkpoint import read_facts
from kittidet.detect.detector import Detector
from kittidet.errors import TrainingError
from kittidet.training.extension import go_on_from
from kittidet.training.history import ValidationSet, ValScores


def scored_by(aps):
    """A validation set whose scores are given: step of the checkpoint -> AP; and the steps that were scored."""
    seen = []

    def score(path):
        step = read_facts(path).step
        seen.append(step)
        images = [("000001", Image.new("RGB", (64, 32)))]
        return ValScores(aps[step], 2 * aps[step], {"Car": aps[step], "Van": None}, images)

    return ValidationSet(score, num_frames=2), seen


@pytest.fixture(scope="module", autouse=True)
def each_epoch_is_scored():
    """As where scoring costs little; of ten images at this size only the last epoch would be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kittidet.training.fit.scoring_interval", lambda _train, **_: 1)
        yield


@pytest.fixture(scope="module")
def long_recipe(short_recipe):
    return short_recipe.model_copy(update={"epochs": 5, "keep_checkpoints": 1, "average_best": 2})


APS = {2: 0.1, 4: 0.3, 6: 0.2, 8: 0.05, 10: 0.04}


@pytest.fixture(scope="module")
def scored(fit, long_recipe, tmp_path_factory):
    validation, steps = scored_by(APS)
    result = fit(tmp_path_factory.mktemp("scored") / "run", recipe=long_recipe, validation=validation)
    assert steps == [2, 4, 6, 8, 10]
    return result


def test_every_epoch_is_scored_into_the_history_and_tensorboard(scored):
    rows = rows_of(scored)
    assert [float(row["val_ap"]) for row in rows] == list(APS.values())
    assert [float(row["val_ap50"]) for row in rows] == [2 * ap for ap in APS.values()]
    # A part of a training has files of its own.
    files = (scored.history_path.parent / "tensorboard" / "validation").glob("events.out.tfevents.*")
    shown = [event_tags(record.numpy()) for record in tf.data.TFRecordDataset([str(file) for file in files])]
    assert {"epoch_AP", "epoch_AP50", "epoch_Car"} <= {tag for tags in shown for tag in tags}


def test_images_of_what_is_found_are_in_the_folder_and_in_tensorboard(scored):
    folder = scored.history_path.parent
    with Image.open(folder / "images" / "val_pred.jpg") as image:
        assert image.format == "JPEG"
    files = [str(f) for f in (folder / "tensorboard" / "steps").glob("events.out.tfevents.*")]
    tags = [tag for record in tf.data.TFRecordDataset(files) for tag in event_tags(record.numpy())]
    assert tags.count("predictions") == 5
    assert tags.count("loss") == tags.count("gradient_norm") == 10


def event_tags(record):
    return [value.tag for value in event_pb2.Event.FromString(record).summary.value]


def test_the_best_stay_beside_the_newest_and_their_mean_is_one_more_candidate(scored):
    average, *others = scored.checkpoints
    assert [c.step for c in others] == [4, 6, 10]
    assert (average.path.name, average.step, average.epoch, average.average_of) == ("average-00000006", 6, 3, (4, 6))
    mean, one, other = (arrays_of(c) for c in (average, others[0], others[1]))
    assert mean.keys() == one.keys()
    for name in mean:
        np.testing.assert_allclose(mean[name], (one[name] + other[name]) / 2, atol=1e-6)
    assert any((one[name] != other[name]).any() for name in mean)
    assert Detector.load(average.path).facts.average_of == (4, 6)


@pytest.mark.parametrize("epoch", [pytest.param(2, marks=pytest.mark.slow), 5])
def test_a_scored_run_that_was_interrupted_keeps_what_an_undisturbed_one_keeps(
    fit, scored, long_recipe, tmp_path, epoch
):
    validation, steps = scored_by(APS)
    with pytest.raises(StoppedError):
        fit(tmp_path, recipe=long_recipe, validation=validation, on_epoch=stop_after(epoch))
    resumed = fit(tmp_path, recipe=long_recipe, validation=validation)
    assert steps == list(APS)
    assert [c.path.name for c in resumed.checkpoints] == [c.path.name for c in scored.checkpoints]
    assert [row["val_ap"] for row in rows_of(resumed)] == [row["val_ap"] for row in rows_of(scored)]
    for found, expected in zip(resumed.checkpoints, scored.checkpoints, strict=True):
        same_arrays(arrays_of(found), arrays_of(expected))


def test_a_training_that_does_not_get_better_ends_early_and_stays_ended(fit, long_recipe, tmp_path):
    recipe = long_recipe.model_copy(update={"patience_epochs": 2})
    validation, steps = scored_by(APS)
    with pytest.raises(StoppedError):
        fit(tmp_path, recipe=recipe, validation=validation, on_epoch=stop_after(4))
    result = fit(tmp_path, recipe=recipe, validation=validation)
    assert steps == [2, 4, 6, 8]
    assert [c.step for c in result.checkpoints if not c.average_of] == [4, 6, 8]


def test_a_finished_run_that_is_extended_goes_on_with_its_weights_its_history_and_its_best(
    fit, scored, long_recipe, tmp_path
):
    """Five epochs and two more; interrupted in between, they end the same."""
    aps = {**APS, 12: 0.25, 14: 0.01}
    longer = long_recipe.extended(2)
    assert (longer.epochs, longer.extends, longer.earlier) == (7, (5,), long_recipe)
    results = []
    for name, stops in (("at once", False), ("stopped", True)):
        validation, steps = scored_by(aps)
        go_on_from(scored.history_path.parent, tmp_path / name)
        if stops:
            with pytest.raises(StoppedError):
                fit(tmp_path / name, recipe=longer, validation=validation, on_epoch=stop_after(6))
        results.append(fit(tmp_path / name, recipe=longer, validation=validation))
        assert steps == [12, 14]
    extended, other = results
    assert extended.resumed_from_step == 10
    assert other.resumed_from_step == 12
    assert rows_of(extended)[:5] == rows_of(scored)
    assert [float(row["val_ap"]) for row in rows_of(extended)] == list(aps.values())
    # The rest of the longer run's curve: from 0, where the shorter one ended, up to where this one would be.
    rates = [float(row["learning_rate"]) for row in rows_of(extended)]
    assert rates[4] == pytest.approx(0, abs=1e-9)
    assert rates[5] > 0.01 * max(rates)
    assert rates[6] == pytest.approx(0, abs=1e-9)
    assert [c.path.name for c in extended.checkpoints] == [
        "average-00000012", "step-00000004", "step-00000012", "step-00000014",
    ]  # fmt: skip
    for found, expected in zip(other.checkpoints, extended.checkpoints, strict=True):
        same_arrays(arrays_of(found), arrays_of(expected))
    last = [arrays_of(c)["layers/conv2d/vars/0"] for c in (scored.checkpoints[-1], extended.checkpoints[-1])]
    assert (last[0] != last[1]).any()


def test_a_run_whose_shorter_one_left_no_state_is_refused(fit, long_recipe, tmp_path):
    with pytest.raises(TrainingError, match="expected the last state of the training of 5 epochs"):
        fit(tmp_path, recipe=long_recipe.extended(2))
