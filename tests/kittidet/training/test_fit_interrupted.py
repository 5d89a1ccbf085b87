"""A training that ends inside an epoch, or runs out of memory, goes on and equals one that did neither."""

import signal

import pytest
import tensorflow as tf
from fixtures.training_results import StoppedError, assert_same_run

from kittidet.training import accumulation, model
from kittidet.training.guards import LossGuard, NotFiniteError


@pytest.fixture(scope="module")
def recipe(short_recipe):
    """Two epochs of five steps."""
    return short_recipe.model_copy(update={"epochs": 2, "batch_size": 2})


@pytest.fixture(scope="module")
def undisturbed(fit, recipe, tmp_path_factory):
    return fit(tmp_path_factory.mktemp("undisturbed") / "run", recipe=recipe)


def at_step(monkeypatch, step, action):
    """Do something when a step is done, before its state can be saved."""
    checked = LossGuard.on_train_batch_end

    def on_train_batch_end(self, batch, logs=None):
        checked(self, batch, logs)
        if int(self.model.optimizer.iterations) == step:
            action()

    monkeypatch.setattr(LossGuard, "on_train_batch_end", on_train_batch_end)


@pytest.mark.parametrize(
    ("step", "saved"),
    [(3, 3), pytest.param(5, 5, marks=pytest.mark.slow), pytest.param(10, 10, marks=pytest.mark.slow)],
)
def test_ctrl_c_stops_at_the_step_with_its_state_and_the_next_start_goes_on_there(
    fit, recipe, undisturbed, tmp_path, monkeypatch, step, saved
):
    with monkeypatch.context() as patch:
        at_step(patch, step, lambda: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path, recipe=recipe)
    resumed = fit(tmp_path, recipe=recipe)
    assert resumed.resumed_from_step == saved
    assert_same_run(resumed, undisturbed)


def test_what_dies_inside_an_epoch_loses_the_time_since_the_last_state_alone(
    fit, recipe, undisturbed, tmp_path, monkeypatch
):
    def die():
        raise StoppedError

    often = recipe.model_copy(update={"save_every_minutes": 1e-9})
    with monkeypatch.context() as patch:
        at_step(patch, 8, die)
        with pytest.raises(StoppedError):
            fit(tmp_path, recipe=often)
    resumed = fit(tmp_path, recipe=recipe)
    assert resumed.resumed_from_step == 7
    assert_same_run(resumed, undisturbed)


def test_a_state_that_the_disk_damaged_is_passed_over_for_the_one_before(
    fit, recipe, undisturbed, tmp_path, monkeypatch
):
    with monkeypatch.context() as patch:
        at_step(patch, 7, lambda: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path, recipe=recipe)
    newest = max((tmp_path / "resume").iterdir()) / "variables.npz"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    resumed = fit(tmp_path, recipe=recipe)
    assert resumed.resumed_from_step == 5
    assert_same_run(resumed, undisturbed)


def test_where_memory_runs_out_fewer_images_are_in_it_and_the_update_stays_the_same(fit, recipe, tmp_path, monkeypatch):
    """As if three images were too many: the step that failed is not half applied to what goes on."""
    recipe = recipe.model_copy(update={"batch_size": 4, "batch_norm": "frozen"})
    expected = fit(tmp_path / "two", recipe=recipe.model_copy(update={"micro_batch": 2}))
    whole = model.TrainableDetector.train_step
    tried = []

    def train_step(self, batch):
        tried.append(getattr(self, "micro_batch", 4))
        whole(self, batch)
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")

    monkeypatch.setattr(model.TrainableDetector, "train_step", train_step)
    assert "train_step" in vars(accumulation.AccumulatingDetector)
    assert_same_run(fit(tmp_path / "auto", recipe=recipe), expected)
    assert tried == [4]


def test_after_a_loss_that_is_no_number_the_run_goes_on_from_its_last_state_at_half_the_rate(
    fit, recipe, tmp_path, monkeypatch, caplog
):
    def once_not_finite():
        if not seen:
            seen.append(1)
            raise NotFiniteError("step 8: the loss is not finite: loss nan.")

    seen: list[int] = []
    at_step(monkeypatch, 8, once_not_finite)
    result = fit(tmp_path, recipe=recipe)
    assert (result.rate_halvings, result.resumed_from_step) == (1, 5)
    assert "Going on from the last saved state at 0.5 of the learning rate" in caplog.text
    # The curve of the whole run at half the peak: the epoch before it was at the whole.
    rates = [float(line.split(",")[2]) for line in result.history_path.read_text().splitlines()[1:]]
    assert rates[0] > 0
    assert rates[1] == 0.0  # the end of a cosine


def test_weights_that_are_no_numbers_are_never_a_state_to_go_on_from(fit, recipe, tmp_path, monkeypatch):
    """As if an update had overflowed: the state is refused, and the run goes on from the one before."""
    spoiled: list[int] = []

    def spoil(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == 7 and not spoiled:
            spoiled.append(1)
            weight = self.model.trainable_variables[0]
            weight.assign(weight * float("nan"))

    monkeypatch.setattr(LossGuard, "on_train_batch_end", spoil)
    often = recipe.model_copy(update={"save_every_minutes": 1e-9})
    result = fit(tmp_path, recipe=often)
    assert (result.rate_halvings, result.resumed_from_step) == (1, 6)
