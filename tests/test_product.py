"""The product from its data to its report, nothing replaced: as the command, and as the flow on a Prefect server.

A network of real layers that learns nothing in two epochs: what it finds is not judged here, only that all of it runs.
"""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kittidet.classes import KITTI8

# All on the worker with the server, for the flow goes on in the command's store. A busy machine takes minutes.
pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.timeout(900)]

SMALL = (
    "name=small",
    "source.kind=synthetic",
    "source.synthetic_frames=8",
    "split.val_share=0.25",
    "records.train_shards=2",
    "records.val_shards=1",
    "model.variant=lite0",
    "model.input_hw=[64,128]",
    "train.epochs=2",
    "train.batch_size=4",
    "train.initial_weights=null",
    # As a fine-tune with small batches has it; its step takes half as long to trace.
    "train.freeze_batch_norm=true",
)
STEPS = {"fetch", "validate", "split", "records-train", "records-val", "train", "evaluate"}


def overrides(folder: Path) -> list[str]:
    places = [f"{name}_dir={json.dumps(str(folder / name))}" for name in ("store", "runs")]
    return [*SMALL, *places]


def call(folder: Path) -> str:
    """Return what `kittidet run` says in a process of its own."""
    command = [sys.executable, "-m", "kittidet", "run", *overrides(folder)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def content(folder: Path) -> dict[str, int]:
    """Every file below a folder but the logs of each call, and when it was written."""
    files = [p for p in folder.rglob("*") if p.is_file() and p.parent.name != "logs"]
    return {p.relative_to(folder).as_posix(): p.stat().st_mtime_ns for p in files}


def steps_of(store: Path) -> list[str]:
    return sorted(p.parent.name.rsplit("-", 1)[0] for p in store.glob("*/_output.json"))


def check_run(run: Path) -> None:
    """Hold a run folder to what the README says is in it."""
    expected = {"config.json", "summary.json", "history.csv", "ground_truth.json", "predictions.json", "results.png"}
    assert expected <= {p.name for p in run.iterdir()}
    assert (run / "weights" / "best" / "model.weights.h5").stat().st_size > 1e6
    summary = json.loads((run / "summary.json").read_text())
    assert 0 <= summary["ap"] <= 1
    assert set(summary["per_class_ap"]) == set(KITTI8.names)
    assert (summary["n_train"], summary["n_val"], summary["n_set_aside"]) == (6, 2, 0)
    header, *rows = (run / "history.csv").read_text().splitlines()
    losses = [float(row.split(",")[header.split(",").index("loss")]) for row in rows]
    assert len(losses) == 2
    recorded = [c["ap"] for c in summary["checkpoints"] if not c["average_of"]]
    seen = [float(row.split(",")[header.split(",").index("val_ap")]) for row in rows]
    assert seen == pytest.approx(recorded, abs=1e-6)
    assert all(math.isfinite(loss) and loss > 0 for loss in losses)
    page = (run / "report" / "index.html").read_text(encoding="utf-8")
    assert f"<b>{summary['ap']:.3f}</b>" in page
    assert "Official KITTI AP" in page
    assert list((run / "report").glob("*.png"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the command and the flow work."""
    return tmp_path_factory.mktemp("product")


@pytest.fixture(scope="module")
def said(folder) -> str:
    """What the first call of the command prints."""
    return call(folder)


def test_one_command_leads_from_the_data_to_the_report(folder, said):
    run = folder / "runs" / "small"
    assert set(steps_of(folder / "store")) == STEPS
    check_run(run)
    assert "Results saved to runs/small\n" in said
    assert "runs/small/report/index.html\n" in said
    assert (folder / "runs/small/report/index.html").is_file()


def test_a_second_call_does_nothing_again(folder, said):
    before = {name: content(folder / name) for name in ("store", "runs")}
    again = call(folder)
    assert re.sub(r"Done in [^.]+\.", "", again) == re.sub(r"Done in [^.]+\.", "", said)
    assert {name: content(folder / name) for name in ("store", "runs")} == before


def test_the_flow_takes_over_the_commands_data_and_trains_in_its_own_process(folder, said, prefect_server, task_states):
    from flows.kitti_finetune import kitti_finetune

    changed = (*overrides(folder), "train.seed=1")
    state = kitti_finetune(overrides=changed, trainer="here", return_state=True)
    result, states = state.result(), task_states(state.state_details.flow_run_id)
    assert sum(name.startswith("evaluate ") for name in states) == 3  # two epochs, and their average
    assert {name if name[:8] != "evaluate" else "evaluate": state for name, state in states.items()} == {
        # Prefect has no record of what the command made: its tasks find it whole and say so in a moment.
        "fetch synthetic data": "Completed",
        "validate the data contract": "Completed",
        "split by random80": "Completed",
        "write train records": "Completed",
        "write val records": "Completed",
        "fine-tune lite0 for 2 epochs": "Completed",
        "evaluate": "Completed",
        "publish run small": "Completed",
        "report on run small-2": "Completed",
    }
    assert steps_of(folder / "store") == sorted([*STEPS, "train", *["evaluate"] * 5])
    assert result.path == folder / "runs" / "small-2"
    check_run(result.path)
