"""Killed in each of the eight steps and started again, a run ends as if nothing had happened."""

import json
import multiprocessing
import os
import signal
import time
from importlib import import_module
from pathlib import Path

import pytest

from kittidet.config import RunConfig
from kittidet.config_file import load_run_config
from kittidet.steps.pipeline import run_pipeline

# Where each step is caught: the last call before it would be whole.
CAUGHT_IN = {
    "fetch": ("kittidet.steps.fetch", "open_tree"),
    "validate": ("kittidet.steps.validate", "write_validation"),
    "split": ("kittidet.kitti.split", "split_frames"),
    "records": ("kittidet.records.write", "write_records"),
    "train": ("kittidet.training.callbacks", "write_history"),
    "evaluate": ("kittidet.eval.coco_format", "coco_results"),
    "publish": ("kittidet.runs.write", "digest_files"),
    "report": ("kittidet.report.write", "render_page"),
}


def a_config(folder: Path) -> RunConfig:
    return load_run_config(
        RunConfig(name="killed", store_dir=folder / "store", runs_dir=folder / "runs"),
        overrides=[
            "source.kind=synthetic",
            "source.synthetic_frames=8",
            "model.input_hw=[64,192]",
            "train.epochs=3",
            "train.batch_size=2",
            "train.checkpoint_every_epochs=1",
            "records.train_shards=2",
            "records.val_shards=1",
        ],
    )


def _run(folder: Path) -> None:
    run_pipeline(a_config(folder))


def _run_and_hang(folder: Path, step: str, reached: Path) -> None:
    module_name, function_name = CAUGHT_IN[step]
    module = import_module(module_name)
    real = getattr(module, function_name)

    def hang(*args: object, **kwargs: object) -> object:
        result = real(*args, **kwargs)
        reached.touch()
        time.sleep(600)
        return result

    setattr(module, function_name, hang)
    run_pipeline(a_config(folder))


def finish(folder: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(folder,))
    process.start()
    process.join()
    assert process.exitcode == 0


def kill_in(folder: Path, step: str) -> None:
    reached = folder / f"reached-{step}"
    process = multiprocessing.get_context("spawn").Process(target=_run_and_hang, args=(folder, step, reached))
    process.start()
    while not reached.exists():
        assert process.is_alive(), f"the run ended before step {step}"
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def outcome(folder: Path) -> dict:
    (run,) = [p for p in (folder / "runs").iterdir() if not p.name.startswith(".")]
    summary = json.loads((run / "summary.json").read_text())
    del summary["published"]
    history = [line.split(",")[:3] for line in (run / "history.csv").read_text().splitlines()]
    # TensorBoard adds a file whenever a training goes on.
    files = sorted(p.name for p in run.rglob("*") if not p.name.startswith("events.out."))
    return {"summary": summary, "history": history, "files": files}


@pytest.mark.parametrize("step", CAUGHT_IN)
def test_the_place_where_a_step_is_killed_is_still_there(step):
    module_name, function_name = CAUGHT_IN[step]
    assert callable(getattr(import_module(module_name), function_name))


@pytest.mark.fault
@pytest.mark.timeout(7200)
def test_a_run_killed_in_every_step_in_turn_ends_equal_to_an_undisturbed_one(tmp_path):
    undisturbed, disturbed = tmp_path / "undisturbed", tmp_path / "disturbed"
    undisturbed.mkdir()
    disturbed.mkdir()
    finish(undisturbed)
    for step in CAUGHT_IN:
        kill_in(disturbed, step)
    finish(disturbed)
    assert outcome(disturbed) == outcome(undisturbed)
    leftovers = [p.name for p in (disturbed / "store").iterdir() if p.name.endswith(".partial")]
    leftovers += [p.name for p in (disturbed / "runs").rglob("*") if "partial" in p.name]
    assert leftovers == []


@pytest.mark.fault
@pytest.mark.timeout(7200)
def test_two_runs_at_once_on_one_store_share_the_work_and_publish_one_run(tmp_path):
    context = multiprocessing.get_context("spawn")
    pair = [context.Process(target=_run, args=(tmp_path,)) for _ in range(2)]
    for process in pair:
        process.start()
    for process in pair:
        process.join()
        assert process.exitcode == 0
    outcome(tmp_path)
    steps = sorted(p.name.rsplit("-", 1)[0] for p in (tmp_path / "store").iterdir() if not p.name.startswith("."))
    assert steps == ["evaluate"] * 3 + ["fetch", "records-train", "records-val", "split", "train", "validate"]
