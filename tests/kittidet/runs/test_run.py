"""A run folder read back: lazily, once, and every fault of a file said in one way."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures.damage import flip_a_bit

from kittidet.classes import KITTI3, KITTI8
from kittidet.errors import StoreError
from kittidet.runs import run as names
from kittidet.runs.run import Run


@pytest.fixture
def copy(finished_run, tmp_path) -> Path:
    folder = Path(shutil.copytree(finished_run, tmp_path / "run"))
    (folder / names.BEST).mkdir(parents=True)
    return folder


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_run_is_read_with_and_without_its_data(finished_run, synthetic_tree):
    bare, full = Run.open(str(finished_run)), Run.open(finished_run, tree=synthetic_tree)
    assert not bare.has_images
    assert full.has_images
    assert [f.frame_id for f in bare.frames] == [f.frame_id for f in full.frames] == list(synthetic_tree.frame_ids)
    for a, b in zip(bare.frames, full.frames, strict=True):
        assert np.allclose(a.labelled(bare.table)[0], b.labelled(full.table)[0], atol=0.01)
    assert any(o.is_dont_care for f in full.frames for o in f.objects)
    assert len(bare.history["loss"]) == 20
    assert bare.config.name == "street"
    assert len(bare.results) == sum(map(len, bare.detections)) > 0


def test_a_file_is_read_when_it_is_asked_for_and_once(copy):
    run = Run.open(copy)
    (copy / names.HISTORY).write_text("epoch,loss\n1,\n\n2,0.5\n")
    assert run.history["epoch"] == [1, 2]
    assert np.isnan(run.history["loss"][0])
    for name in (names.HISTORY, names.PREDICTIONS):
        (copy / name).unlink()
    assert run.history["loss"][1] == 0.5
    assert run.table == KITTI8


def test_a_run_has_the_name_of_its_folder_from_inside_too(copy, monkeypatch):
    monkeypatch.chdir(copy)
    assert Run.open(".").path.name == copy.name


@pytest.mark.parametrize(
    ("name", "part"),
    [
        (names.CONFIG, "config"),
        (names.SUMMARY, "summary"),
        (names.HISTORY, "history"),
        (names.GROUND_TRUTH, "ground_truth"),
        (names.PREDICTIONS, "results"),
        (names.NEAREST, "nearness"),
    ],
)
def test_a_published_file_that_changed_is_not_read(published_copy, name, part):
    getattr(Run.open(published_copy), part)
    flip_a_bit(published_copy / name)
    with pytest.raises(StoreError, match=f"{name}: changed since it was published: expected sha256"):
        getattr(Run.open(published_copy), part)


@pytest.mark.parametrize("name", ["model.weights.h5", "detector.json"])
def test_a_published_checkpoint_that_changed_is_not_loaded(published_copy, name):
    flip_a_bit(published_copy / names.BEST / name)
    with pytest.raises(StoreError, match=f"{name}: changed since it was published"):
        Run.open(published_copy).detector()


@pytest.mark.parametrize(("synthetic", "kind"), [(True, "synthetic"), (False, "folder")])
def test_a_folder_of_synthetic_scenes_is_synthetic_data(copy, synthetic, kind):
    change(copy / names.SUMMARY, synthetic=synthetic)
    change(copy / names.CONFIG, source={"kind": "folder", "path": "data"})
    assert Run.open(copy).data_kind == kind


def test_the_best_checkpoint_is_a_folder_of_the_run(copy):
    assert Run.open(copy).best_checkpoint == copy / "weights" / "best"


def one_box(annotation: str) -> str:
    images, classes = '"images": [{"id": 1, "frame_id": "1"}]', '"categories": [{"id": 1, "name": "Car"}]'
    return f'{{{images}, {classes}, "annotations": [{annotation}]}}'


FAULTS = {
    names.CONFIG: ("config", ["[]", '{"name": "a b"}', '{"records": {"classes": "dogs"}}', '{"colour": 1}']),
    names.SUMMARY: ("summary", ["[]", "{}", '{"ap": "high"}']),
    names.HISTORY: ("history", ["epoch,loss\n1,low\n", "epoch,loss\n1\n", "epoch\n1,2\n"]),
    names.GROUND_TRUTH: (
        "ground_truth",
        [
            "[]",
            "{}",
            '{"images": [], "annotations": [{"image_id": 1}], "categories": []}',
            one_box('{"image_id": 2, "category_id": 1, "bbox": [0, 0, 1, 1], "iscrowd": 0}'),
            one_box('{"image_id": 1, "category_id": 2, "bbox": [0, 0, 1, 1], "iscrowd": 0}'),
            one_box('{"image_id": 1, "category_id": 1, "bbox": [0, 0, -1, 1], "iscrowd": 0}'),
            one_box('{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1], "iscrowd": 0}'),
        ],
    ),
    names.PREDICTIONS: (
        "results",
        [
            "{}",
            '[{"image_id": 0}]',
            '[{"image_id": 0, "category_id": 1, "bbox": [1, 2, -3, 4], "score": 0.5}]',
            '[{"image_id": 0, "category_id": 9, "bbox": [1, 2, 3, 4], "score": 0.5}]',
            '[{"image_id": 7777, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]',
        ],
    ),
    names.BEST: ("best_checkpoint", []),
}


@pytest.mark.parametrize("name", FAULTS)
def test_whatever_is_wrong_with_a_file_is_one_error_that_names_it(copy, name):
    part, wrong = FAULTS[name]
    path = copy / name

    def fails(*, says: str) -> None:
        with pytest.raises(StoreError) as caught:
            getattr(Run.open(copy), part)
        message = str(caught.value)
        assert message.startswith(f"{path}: {says}"), message
        assert message.endswith("name one, or publish it again."), message

    for content in [b"\xff{", *(text.encode() for text in wrong)]:
        if path.is_file():
            path.write_bytes(content)
            fails(says="" if content == b"\xff{" else "wrong content")
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    fails(says="no such folder" if name == names.BEST else "cannot read it: No such file or directory")


def test_a_folder_that_is_not_there_is_named_at_once(tmp_path):
    with pytest.raises(StoreError, match=r"nowhere: no such folder\. Expected a run folder"):
        Run.open(tmp_path / "nowhere")


def test_files_that_do_not_fit_together_are_refused(copy):
    change(copy / names.SUMMARY, classes=["Dog"])
    with pytest.raises(StoreError, match=r"summary\.json: wrong content .*'Dog'.* config\.json has \['Car'"):
        _ = Run.open(copy).table
    change(copy / names.SUMMARY, classes=list(KITTI8.names))
    change(copy / names.GROUND_TRUTH, categories=[{"id": i, "name": "x"} for i in range(99)])
    truth = json.loads((copy / names.GROUND_TRUTH).read_text())
    truth["annotations"][0]["category_id"] = 98
    (copy / names.GROUND_TRUTH).write_text(json.dumps(truth))
    with pytest.raises(StoreError, match=r"ground_truth\.json: wrong content .*class id 98"):
        _ = Run.open(copy).frames


def test_a_table_with_merged_classes_is_read_back(copy):
    change(copy / names.CONFIG, records={"classes": "kitti3"})
    change(copy / names.SUMMARY, classes=list(KITTI3.names))
    assert Run.open(copy).table == KITTI3


def test_a_run_of_the_version_that_said_canvas_is_read(copy):
    config, summary = (json.loads((copy / name).read_text()) for name in (names.CONFIG, names.SUMMARY))
    config["model"]["canvas_hw"] = config["model"].pop("input_hw")
    summary["canvas_hw"] = summary.pop("input_hw")
    (copy / names.CONFIG).write_text(json.dumps(config))
    (copy / names.SUMMARY).write_text(json.dumps(summary))
    run = Run.open(copy)
    assert run.config.model.input_hw == (384, 1280)
    assert run.summary["input_hw"] == [384, 1280]
    assert "canvas_hw" not in run.summary


def test_reading_a_run_loads_no_tensorflow(finished_run):
    code = (
        "import sys; from kittidet.runs.run import Run; run = Run.open(sys.argv[1]); run.frames, run.detections; "
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, finished_run], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_run_and_its_checkpoints_know_whether_they_are_of_synthetic_scenes(copy):
    assert Run.open(copy).is_synthetic
    for path in (copy, copy / names.BEST):
        assert names.is_trained_on_synthetic(path)
    change(copy / names.SUMMARY, synthetic=False)
    assert not names.is_trained_on_synthetic(copy)
    assert not names.is_trained_on_synthetic(copy.parent)


def test_how_near_validation_is_to_training_is_read_back_or_not_known(copy):
    nearness = Run.open(copy).nearness
    assert nearness is not None
    assert nearness.kind == "seconds"
    (copy / names.NEAREST).write_text('{"kind": "metres"}')
    with pytest.raises(StoreError, match=r"nearest\.json: wrong content"):
        _ = Run.open(copy).nearness
    (copy / names.NEAREST).unlink()
    assert Run.open(copy).nearness is None
