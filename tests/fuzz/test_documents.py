"""JSON of this project and of others: finished runs, COCO documents, checkpoints; whatever it holds."""

import json
import shutil

import pytest
from fuzz.mutations import damaged_bytes, damaged_json, damaged_text

from kittidet.classes import KITTI8
from kittidet.config import ModelConfig, RunConfig
from kittidet.convert.to_tree import coco_images
from kittidet.errors import KittidetError
from kittidet.kitti.inventory import digest_files
from kittidet.kitti.validation.findings import read_validation
from kittidet.runs.compare import compare_runs
from kittidet.runs.data import tree_in_stores
from kittidet.runs.run import Run, is_trained_on_synthetic

PROPERTIES = ("config", "summary", "table", "history", "ground_truth", "results", "frames", "detections", "nearness")
COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 50, "kitti": {"dont_care": []}}],
    "categories": [{"id": 1, "name": "Car"}, {"id": 2, "name": "traffic light"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 20], "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 2, "bbox": [1.5, 2, 30, 20], "segmentation": [[1, 2, 3, 4]]},
        {
            "id": 3,
            "image_id": 1,
            "category_id": 1,
            "bbox": [1, 2, 3, 4],
            "kitti": {"row": 0, "type": "Car", "truncated": 0.0, "occluded": 0, "alpha": 1.0, "xyxy": [1, 2, 4, 6],
                      "dimensions_hwl": [1, 1, 1], "location_xyz": [1, 1, 1], "rotation_y": 0.1, "score": None},
        },
    ],
}  # fmt: skip


@pytest.fixture
def run(finished_run, tmp_path):
    return shutil.copytree(finished_run, tmp_path / "street")


def read_run(folder):
    for name in PROPERTIES:
        try:
            getattr(Run(folder), name)
        except KittidetError as error:
            assert str(folder) in str(error)
    Run(folder).holds("0" * 64)
    Run(folder).find_tree()


@pytest.mark.parametrize(
    "name", ["config.json", "summary.json", "nearest.json", "ground_truth.json", "predictions.json"]
)
def test_documents_of_a_run(fuzz, run, name):
    good = json.loads((run / name).read_text())

    def read(document):
        (run / name).write_text(json.dumps(document))
        is_trained_on_synthetic(run)
        read_run(run)

    fuzz(damaged_json(good), read)


@pytest.mark.parametrize("name", ["ground_truth.json", "predictions.json"])
def test_comparisons_of_runs(fuzz, finished_run, run, name):
    good = json.loads((run / name).read_text())

    def read(document):
        (run / name).write_text(json.dumps(document))
        compare_runs(Run(finished_run), Run(run), resamples=100, confidence=0.9, seed=0)

    fuzz(damaged_json(good), read)


def test_the_history_of_a_run(fuzz, run):
    file = run / "history.csv"

    def read(text):
        file.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
        read_run(run)

    fuzz(damaged_text([file.read_text()]), read)


def test_bytes_that_are_no_json(fuzz, run):
    file = run / "summary.json"

    def read(data):
        file.write_bytes(data)
        read_run(run)

    fuzz(damaged_bytes([file.read_bytes(), b"[" * 20_000, b'{"a":' * 10_000]), read)


def test_coco_documents(fuzz, tmp_path):
    file = tmp_path / "coco.json"

    def read(document):
        file.write_text(json.dumps(document))
        for class_map in (None, {"traffic light": "Misc"}):
            coco_images({"": (file, tmp_path)}, class_map=class_map)

    fuzz(damaged_json(COCO), read)


def test_the_facts_of_a_checkpoint(fuzz, tmp_path):
    from kittidet.detect.checkpoint import DetectorFacts, _write_facts, list_checkpoints, read_facts

    folder = tmp_path / "step-00000001"
    folder.mkdir()
    _write_facts(folder, DetectorFacts(ModelConfig(), KITTI8, step=1, epoch=1, records_digest="0" * 64))
    file = folder / "detector.json"
    good = json.loads(file.read_text())

    def read(document):
        file.write_text(json.dumps(document))
        read_facts(folder)
        list_checkpoints(tmp_path)

    fuzz(damaged_json(good), read)


def test_notes_of_data_sets_in_a_store(fuzz, tmp_path):
    note = tmp_path / "fetch-0000000000000000" / "dataset.json"
    note.parent.mkdir()

    def read(document):
        note.write_text(json.dumps(document))
        tree_in_stores([tmp_path], "0" * 64)

    fuzz(damaged_json({"root": "kitti", "content": "0" * 64, "frames": 3}), read)


def test_the_inventory_of_a_store(fuzz, tmp_path):
    file, data = tmp_path / ".inventory.json", tmp_path / "a.txt"
    data.write_text("a")
    digest_files({"a": data}, stat_cache=file)
    good = json.loads(file.read_text())

    def read(document):
        file.write_text(json.dumps(document))
        digest_files({"a": data}, stat_cache=file)

    fuzz(damaged_json(good), read)


def test_the_findings_of_a_validation(fuzz, tmp_path):
    for name in ("accepted.txt", "set_aside.txt"):
        (tmp_path / name).write_text("000001\n")
    header = "severity,rule,frame_id,file,line,message\nerror,size,000001,a.txt,3,too small\n"

    def read(text):
        (tmp_path / "findings.csv").write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
        read_validation(tmp_path)

    fuzz(damaged_text([header.replace(",", " , ")]).map(lambda text: text.replace(" , ", ",")), read)


def test_every_good_document_is_read(run, tmp_path):
    assert Run(run).config == RunConfig.model_validate(json.loads((run / "config.json").read_text()))
    (tmp_path / "coco.json").write_text(json.dumps(COCO))
    assert len(coco_images({"": (tmp_path / "coco.json", None)}, class_map=None).images) == 1
