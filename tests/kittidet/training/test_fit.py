"""A training leaves what it promises, and one that was interrupted ends as if it had not been."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.small_records import write_small
from fixtures.training_results import StoppedError, arrays_of, assert_same_run, rows_of, same_arrays, stop_after

from kittidet.config import AugmentConfig, ModelConfig, TrainConfig
from kittidet.detect.detector import Detector
from kittidet.errors import ConfigError, TrainingError
from kittidet.kitti.tree import open_tree
from kittidet.training import fit as fit_module
from kittidet.training.fit import fit_detector

TINY_MODELS = Path(__file__).parents[2] / "fixtures" / "tiny_models.py"


@pytest.fixture(scope="module")
def undisturbed(fit, tmp_path_factory):
    """What the short recipe leaves when nothing gets in its way, and the reports it gave; read only."""
    seen = []
    return fit(tmp_path_factory.mktemp("undisturbed") / "run", on_epoch=seen.append), seen


def test_a_training_leaves_checkpoints_history_and_tensorboard(undisturbed):
    result, seen = undisturbed
    assert [(c.step, c.epoch, c.path.name) for c in result.checkpoints] == [
        (4, 2, "step-00000004"),
        (6, 3, "step-00000006"),
    ]
    assert [int(row["step"]) for row in rows_of(result)] == [2, 4, 6] == [r.step for r in seen]
    assert seen[-1].loss < seen[0].loss
    assert seen[-1].learning_rate == pytest.approx(0, abs=1e-9)
    folder = result.history_path.parent
    assert {p.parent.name for p in folder.rglob("events.out.tfevents.*")} == {"tensorboard", "train", "steps"}
    assert sorted(p.name for p in (folder / "images").iterdir()) == [f"train_batch{n}.jpg" for n in range(3)]
    assert [p.name for p in (folder / "resume").iterdir()] == ["epoch-00003-batch-0000000"]
    assert result.resumed_from_step is None
    assert 0 <= result.anchor_coverage <= 1
    assert Detector.load(result.checkpoints[-1].path).facts.step == 6


def test_a_run_interrupted_early_and_again_at_its_end_goes_on_and_equals_an_undisturbed_one(fit, tmp_path, undisturbed):
    seen = []

    def stop_after(epoch):
        def on_epoch(report):
            seen.append(report.epoch)
            if report.epoch == epoch:
                raise StoppedError

        return on_epoch

    for epoch, epochs in ((1, [1]), (3, [2, 3])):
        with pytest.raises(StoppedError):
            fit(tmp_path, on_epoch=stop_after(epoch))
        assert seen == epochs
        seen.clear()
    resumed = fit(tmp_path, on_epoch=seen.append)
    assert resumed.resumed_from_step == 6
    assert seen == []
    assert_same_run(resumed, undisturbed[0])


def test_a_run_on_images_left_where_they_are_equals_one_on_records_that_hold_them(
    tiny_models, small_model, short_recipe, synthetic_root, undisturbed, tmp_path
):
    tree = open_tree(synthetic_root)
    records = write_small(tree, tmp_path / "records", images_of=tree.digest())
    assert sum(f.stat().st_size for f in records.iterdir()) < 100_000
    found = fit_detector(
        records, model=small_model, train=short_recipe, work_dir=tmp_path / "run", images_dir=tree.images_dir
    )
    assert_same_run(found, undisturbed[0])


def test_statistics_are_measured_once_before_the_first_step_and_a_run_that_goes_on_has_them(
    fit, tmp_path, short_recipe
):
    recipe = short_recipe.model_copy(update={"batch_norm": "refresh_then_freeze", "refresh_batches": 3})
    undisturbed = fit(tmp_path / "a", recipe=recipe)
    statistics = [
        {name: value for name, value in arrays_of(c).items() if "norm" in name} for c in undisturbed.checkpoints
    ]
    frozen = fit(tmp_path / "b", recipe=recipe.model_copy(update={"batch_norm": "frozen"}))
    same_arrays(*statistics)
    assert any((arrays_of(frozen.checkpoints[-1])[name] != value).any() for name, value in statistics[0].items())
    with pytest.raises(StoppedError):
        fit(tmp_path / "c", recipe=recipe, on_epoch=stop_after(1))
    assert_same_run(fit(tmp_path / "c", recipe=recipe), undisturbed)


def test_a_finished_run_is_found_and_not_run_again(fit, undisturbed):
    seen = []
    assert fit(undisturbed[0].history_path.parent, on_epoch=seen.append) == undisturbed[0]
    assert seen == []


def test_a_folder_with_another_run_is_refused(fit, undisturbed, short_recipe):
    with pytest.raises(TrainingError, match="different records, model or recipe"):
        fit(undisturbed[0].history_path.parent, recipe=short_recipe.model_copy(update={"learning_rate": 0.1}))


def test_weights_to_start_from_that_are_not_there_are_refused(fit, tmp_path, short_recipe):
    with pytest.raises(ConfigError, match=r"absent\.h5: cannot read the weights to start from"):
        fit(tmp_path, recipe=short_recipe.model_copy(update={"initial_weights": tmp_path / "absent.h5"}))


def test_a_loss_that_explodes_stops_the_run_and_saves_nothing(fit, tmp_path, short_recipe):
    # As if both halvings of the rate were behind it, each of which builds everything again.
    (tmp_path / "halved_rate.json").write_text('{"halvings": 2}')
    with pytest.raises(TrainingError, match=r"the loss is not finite.*already halved 2 times"):
        fit(tmp_path, recipe=short_recipe.model_copy(update={"box_loss_weight": 3e38, "huber_delta": 100.0}))
    assert not (tmp_path / "checkpoints").exists()


KILLED = """
import importlib.util, os, signal, sys
from pathlib import Path
tiny_models, records, work_dir, moment = sys.argv[1:]
spec = importlib.util.spec_from_file_location("tiny", tiny_models)
tiny = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tiny)
from kittidet.config import ModelConfig, TrainConfig
from kittidet.detect import checkpoint as checkpoints
from kittidet.training import callbacks, fit, guards, session
session.build_efficientdet = checkpoints.build_efficientdet = tiny.tiny_efficientdet

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

epoch, name = moment.split(":")
home = fit if name == "save_state" else callbacks
original = getattr(home, name) if name != "step" else None

def dying(*args, **kwargs):
    dying.calls += 1
    if dying.calls == int(epoch):
        die()
    return original(*args, **kwargs)

dying.calls = 0
if name == "step":
    guards.LossGuard.on_train_batch_end = lambda self, batch, logs=None: (
        die() if int(self.model.optimizer.iterations) == int(epoch) else None
    )
else:
    setattr(home, name, dying)
fit.fit_detector(Path(records), model=ModelConfig(input_hw=tiny.INPUT_HW),
                 train=TrainConfig.model_validate_json(os.environ["RECIPE"]), work_dir=Path(work_dir))
"""


@pytest.mark.fault
@pytest.mark.parametrize(
    ("moment", "resumed_from"),
    [("3:step", 2), ("2:write_checkpoint", 2), ("2:save_state", 2), ("2:averaged_weights", 2), ("2:keep_steps", 4)],
)
def test_a_run_killed_at_any_moment_goes_on_and_equals_an_undisturbed_one(
    fit, train_records, tmp_path, short_recipe, undisturbed, moment, resumed_from
):
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(TINY_MODELS), str(train_records), str(tmp_path), moment],
        check=False,
        env={**os.environ, "RECIPE": short_recipe.model_dump_json()},
    )
    assert done.returncode == -signal.SIGKILL
    resumed = fit(tmp_path)
    assert resumed.resumed_from_step == resumed_from
    assert_same_run(resumed, undisturbed[0])


@pytest.mark.fault
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.ENOENT])
def test_a_disk_that_is_full_read_only_or_away_in_training_stops_it_and_it_goes_on_from_its_state(
    fit, tmp_path, undisturbed, monkeypatch, code
):
    real, calls = fit_module.save_state, []

    def failing(*args, **kwargs):
        calls.append(args)
        if len(calls) == 2:
            raise OSError(code, os.strerror(code))
        return real(*args, **kwargs)

    monkeypatch.setattr(fit_module, "save_state", failing)
    with pytest.raises(OSError, match=os.strerror(code)):
        fit(tmp_path)
    resumed = fit(tmp_path)
    assert resumed.resumed_from_step is not None
    assert_same_run(resumed, undisturbed[0])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sgd", "adamw"])
def test_the_real_detector_resumes_exactly(train_records, tmp_path, small_model, kind):
    """1 + 1 epochs equal 2 for d0 with training batch norm."""
    recipe = TrainConfig(
        epochs=2, batch_size=5, optimizer=kind, learning_rate=0.01, checkpoint_every_epochs=1, batch_norm="train"
    )

    def run(name, **more):
        return fit_detector(train_records, model=small_model, train=recipe, work_dir=tmp_path / name, **more)

    undisturbed = run("a")
    with pytest.raises(StoppedError):
        run("b", on_epoch=stop_after(1))
    assert_same_run(run("b"), undisturbed)


@pytest.mark.slow
def test_the_real_detector_overfits_a_few_frames(train_records, tmp_path):
    """d0 from random weights on ten drawn frames: the classes and boxes of what it sees are nearly learned."""
    recipe = TrainConfig(
        epochs=60, batch_size=5, optimizer="adamw", learning_rate=0.012, checkpoint_every_epochs=60, ema_decay=0.0,
        augment=AugmentConfig(flip=False, scale_min=1.0, scale_max=1.0, colour=0.0),
    )  # fmt: skip
    seen = []
    fit_detector(
        train_records, model=ModelConfig(input_hw=(128, 448)), train=recipe, work_dir=tmp_path, on_epoch=seen.append
    )
    assert seen[-1].cls_loss < 0.2 * seen[0].cls_loss
    assert seen[-1].box_loss < 0.2 * seen[0].box_loss
