"""The product from its data to its report, nothing replaced: as the command, and as the flow on a Prefect server.

Once on KITTI's kind of data and once on a COCO data set with classes of its own. A network of real layers that learns
nothing in an epoch or two: what it finds is not judged here, only that all of it runs and has the right names.
"""

import contextlib
import csv
import io
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.labelled_photos import NAMES
from typer.testing import CliRunner

from kittidet.classes import KITTI8
from kittidet.runs.run import Run

# All on the worker with the server, for the flow goes on in the command's store. A busy machine takes minutes.
pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.timeout(900)]

SMALL = (
    "split.val_share=0.25",
    "records.train_shards=2",
    "records.val_shards=1",
    "model.variant=lite0",
    "model.input_hw=[64,128]",
    "train.batch_size=4",
    "train.initial_weights=null",
    # As a fine-tune with small batches has it; its step takes half as long to trace.
    "train.batch_norm=frozen",
)
KITTI = (*SMALL, "name=small", "source.kind=synthetic", "source.synthetic_frames=8", "train.epochs=2")
OWN_CLASSES = ["hard_hat", "vest"]
STEPS = {"fetch", "validate", "split", "records-train", "records-val", "train", "evaluate"}


def in_folder(folder: Path, *overrides: str) -> list[str]:
    return [*overrides, *(f"{name}_dir={json.dumps(str(folder / name))}" for name in ("store", "runs"))]


def photos(folder: Path) -> list[str]:
    """The overrides of a run on the COCO data set."""
    annotations = json.dumps({split: str(folder / f"{split}.json") for split in NAMES})
    source = ("source.kind=coco", f"source.annotations={annotations}", f"source.images_dir={folder / 'photos'}")
    return [*SMALL, "name=site", *source, "split.method=given", 'records.classes=["hard hat","vest"]', "train.epochs=1"]


def call(folder: Path, overrides: list[str]) -> str:
    """Return what `kittidet run` says in a process of its own."""
    command = [sys.executable, "-m", "kittidet", "run", *in_folder(folder, *overrides)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def content(folder: Path) -> dict[str, int]:
    """Every file below a folder and when it was written, but for logs, locks, digests and what Prefect adds."""
    from tasks.caching import RECORD

    return {
        p.relative_to(folder).as_posix(): p.stat().st_mtime_ns
        for p in folder.rglob("*")
        if p.is_file() and p.parent.name != "logs" and not p.name.startswith((".", "_prefect")) and p.name != RECORD
    }


def everything(folder: Path) -> dict[str, dict[str, int]]:
    return {name: content(folder / name) for name in ("store", "runs")}


def steps_of(store: Path) -> list[str]:
    return sorted(p.parent.name.rsplit("-", 1)[0] for p in store.glob("*/_output.json"))


def check_run(run: Path, *, classes: tuple[str, ...] | list[str], epochs: int) -> str:
    """Hold a run folder to what the README says is in it; return its report."""
    expected = {"config.json", "summary.json", "history.csv", "ground_truth.json", "predictions.json", "results.png"}
    assert expected <= {p.name for p in run.iterdir()}
    assert (run / "weights" / "best" / "model.weights.h5").stat().st_size > 1e6
    summary = json.loads((run / "summary.json").read_text())
    assert 0 <= summary["ap"] <= 1
    assert set(summary["per_class_ap"]) == set(classes)
    assert [c["name"] for c in json.loads((run / "ground_truth.json").read_text())["categories"]] == list(classes)
    assert (summary["n_train"], summary["n_val"], summary["n_set_aside"]) == (6, 2, 0)
    rows = list(csv.DictReader((run / "history.csv").read_text().splitlines()))
    losses = [float(row["loss"]) for row in rows]
    assert len(losses) == epochs
    recorded = {c["step"]: c["ap"] for c in summary["checkpoints"] if not c["average_of"]}
    seen = {int(row["step"]): float(row["val_ap"]) for row in rows if row["val_ap"]}
    assert int(rows[-1]["step"]) in seen
    assert seen == pytest.approx({step: recorded[step] for step in seen}, abs=1e-6)
    assert all(math.isfinite(loss) and loss > 0 for loss in losses)
    page = (run / "report" / "index.html").read_text(encoding="utf-8")
    assert f"<b>{summary['ap']:.3f}</b>" in page
    assert list((run / "report").glob("*.png"))
    return page


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the command and the flow work."""
    return tmp_path_factory.mktemp("product")


@pytest.fixture(scope="module")
def said(folder) -> str:
    """What the first call of the command prints."""
    return call(folder, [*KITTI])


def test_one_command_leads_from_the_data_to_the_report(folder, said):
    run = folder / "runs" / "small"
    assert set(steps_of(folder / "store")) == STEPS
    page = check_run(run, classes=KITTI8.names, epochs=2)
    assert "Official KITTI AP" in page
    assert "Results saved to runs/small\n" in said
    assert "runs/small/report/index.html\n" in said
    assert (folder / "runs/small/report/index.html").is_file()


def test_a_second_call_does_nothing_again(folder, said):
    before = everything(folder)
    again = call(folder, [*KITTI])
    assert re.sub(r"Done in [^.]+\.", "", again) == re.sub(r"Done in [^.]+\.", "", said)
    assert everything(folder) == before


def test_the_flow_finds_what_the_command_made(folder, said, prefect_server, task_states):
    from flows.kitti_finetune import kitti_finetune

    before = everything(folder)
    state = kitti_finetune(overrides=in_folder(folder, *KITTI), trainer="here", return_state=True)
    assert state.result().path == folder / "runs" / "small"
    assert everything(folder) == before
    # Prefect has no record of what the command made: its tasks find it whole and say so in a moment.
    assert set(task_states(state.state_details.flow_run_id).values()) == {"Completed"}


@pytest.mark.slow
def test_a_re_training_makes_a_champion_rests_and_trains_again_on_new_data(folder, said, prefect_server):
    from flows.kitti_retrain import kitti_retrain

    def retrain(*overrides: str):
        settings = in_folder(folder, *KITTI, "retrain.resamples=100", *overrides)
        return kitti_retrain(overrides=settings, trainer="here", return_state=True)

    # What the command made is found, and is the first.
    first = retrain()
    assert first.message == "small version 1 is the first champion."
    before = everything(folder)
    assert retrain().message == "small is unchanged: data, settings and code are those of version 1."
    assert everything(folder) == before
    new = retrain("source.synthetic_frames=10", "train.epochs=1")
    assert new.name == "Completed"
    assert re.match(r"small version (1 stays: version 2 has|2 takes the place of version 1:) [+-]\d", new.message)
    assert "AP on 2 frames" in new.message
    run = Run(folder / "runs" / "small-2")
    assert str(run.config.train.initial_weights).endswith("weights/best")
    assert run.summary["n_train"] == 8


@pytest.fixture(scope="module")
def site_folder(tmp_path_factory) -> Path:
    """Where the flow and the command work on the COCO data set."""
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def site_run(site_folder, labelled_photos, prefect_server):
    """The state in which the flow ends that fine-tunes on the COCO data set in its own process."""
    from flows.kitti_finetune import kitti_finetune

    overrides = in_folder(site_folder, *photos(labelled_photos))
    return kitti_finetune(overrides=overrides, trainer="here", return_state=True)


def test_the_flow_leads_from_a_coco_data_set_with_own_classes_to_the_report(
    site_folder, site_run, task_states, labelled_photos
):
    states = task_states(site_run.state_details.flow_run_id)
    assert {name.split(" step-")[0]: state for name, state in states.items()} == {
        "fetch coco data": "Completed",
        "validate the data contract": "Completed",
        "split by given": "Completed",
        "write train records": "Completed",
        "write val records": "Completed",
        "fine-tune lite0 for 1 epochs": "Completed",
        "evaluate": "Completed",
        "publish run site": "Completed",
        "report on run site": "Completed",
    }
    assert set(steps_of(site_folder / "store")) == STEPS
    run = site_run.result().path
    page = check_run(run, classes=OWN_CLASSES, epochs=1)
    assert all(name in page for name in OWN_CLASSES)
    assert "There are no official KITTI scores: " in page
    finished = Run.open(run)
    assert finished.table.names == tuple(OWN_CLASSES)
    assert finished.summary["counts"] == {"train": dict.fromkeys(OWN_CLASSES, 6), "val": dict.fromkeys(OWN_CLASSES, 2)}
    frames = Run.open(run, tree=finished.find_tree()).frames
    assert [(frame.frame_id, frame.image_path.suffix) for frame in frames] == [("IMG 0002", ".jpg"), ("c.d", ".jpg")]
    assert [(o.type, o.occluded) for o in frames[0].objects] == [("hard_hat", 0), ("vest", 0), ("DontCare", -1)]
    document = json.loads((labelled_photos / "val.json").read_text())
    assert finished.summary["ap"] == pytest.approx(ap_by_pycocotools(document, finished), abs=1e-9)


def ap_by_pycocotools(document: dict, run: Run) -> float:
    """AP of a run's detections by pycocotools on the document that the data came as, crowds included."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    place = {Path(image["file_name"]).stem: image["id"] for image in document["images"]}
    theirs = {image["id"]: place[image["frame_id"]] for image in run.ground_truth["images"]}
    found = [
        {**item, "image_id": theirs[item["image_id"]]}
        for item in json.loads((run.path / "predictions.json").read_text())
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        areas = [{"iscrowd": 0, **a, "area": a["bbox"][2] * a["bbox"][3]} for a in document["annotations"]]
        # pycocotools takes an annotation with id 0 for unmatched.
        truth.dataset = {**document, "annotations": [{**a, "id": k} for k, a in enumerate(areas, start=1)]}
        truth.createIndex()
        evaluator = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return float(evaluator.stats[0])


def test_the_command_finds_what_the_flow_made_of_a_coco_data_set(site_folder, site_run, labelled_photos):
    before = everything(site_folder)
    assert "Results saved to runs/site\n" in call(site_folder, photos(labelled_photos))
    assert everything(site_folder) == before


def test_predictions_have_the_own_classes_names_in_every_form(site_run, labelled_photos, tmp_path):
    from kittidet.__main__ import app

    run, out = site_run.result().path, tmp_path / "found"
    words = ("predict", str(labelled_photos / "photos"), "-m", str(run), "-o", str(out), "--save-kitti", "--save-json")
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    document = json.loads((out / "predictions.json").read_text())
    assert [category["name"] for category in document["categories"]] == OWN_CLASSES
    names = sorted(name for group in NAMES.values() for name in group)
    assert sorted(image["file_name"] for image in document["images"]) == names
    assert {item["category_id"] for item in document["annotations"]} == {1, 2}
    rows = {path.stem: path.read_text().splitlines() for path in (out / "kitti").iterdir()}
    assert sorted(rows) == sorted(name.rpartition(".")[0] for name in names)
    assert {row.split()[0] for lines in rows.values() for row in lines} == set(OWN_CLASSES)
