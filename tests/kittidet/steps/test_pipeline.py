"""kittidet.steps.pipeline: from data to a published run, and a second time nothing is done again."""

import csv
import json
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from fixtures.damage import flip_a_bit
from fixtures.plain_images import draw_plain_image

from kittidet.config import RecordsConfig, RunConfig
from kittidet.config_file import load_run_config
from kittidet.errors import ArchiveError, ConfigError
from kittidet.eval.coco import score_coco
from kittidet.eval.coco_format import rows_from_results
from kittidet.steps.pipeline import find_start_first, is_trained, prepare, run_pipeline, train_on_records, write_data
from kittidet.steps.records import write
from kittidet.steps.train import train_key
from kittidet.store import Store
from kittidet.synthetic.picture import encode_png

SHARED = Path(__file__).parents[4] / "shared" / "kitti"
TINY = [
    "model.input_hw=[64,192]",
    "train.epochs=2",
    "train.batch_size=2",
    "train.checkpoint_every_epochs=1",
    "train.learning_rate=0.02",
    "records.train_shards=2",
    "records.val_shards=1",
    "validation.check_pixels=false",
]


def a_config(folder: Path, root: Path, *overrides: str) -> RunConfig:
    base = RunConfig(name="real", store_dir=folder / "store", runs_dir=folder / "runs")
    source = ["source.kind=folder", f"source.path={json.dumps(str(root))}"]
    return load_run_config(base, None, [*source, *TINY, *overrides])


def test_importing_it_loads_nothing_that_only_the_work_of_a_step_needs():
    heavy = "{'numpy', 'PIL', 'pandas', 'httpx', 'google.protobuf', 'matplotlib', 'tensorflow'}"
    code = f"import kittidet.__main__, kittidet.steps.pipeline, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_eleven_real_frames_go_all_the_way(tmp_path, kitti_mini):
    config = a_config(tmp_path, kitti_mini)
    run = run_pipeline(config)
    assert (run.summary["n_train"], run.summary["n_val"]) == (9, 2)
    assert run.summary["n_set_aside"] == 0
    assert [c["epoch"] for c in run.summary["checkpoints"]] == [1, 2]
    rows = list(csv.DictReader((run.path / "history.csv").read_text().splitlines()))
    assert [int(row["epoch"]) for row in rows] == [1, 2]
    assert all(float(row["box_loss"]) > 0 for row in rows)
    again = run_pipeline(config)
    assert again.cached
    assert again.path == run.path


@pytest.mark.slow
def test_the_scores_of_a_run_are_those_of_its_published_predictions(tmp_path, synthetic_root):
    run = run_pipeline(a_config(tmp_path, synthetic_root))
    truth = json.loads((run.path / "ground_truth.json").read_text())
    results = rows_from_results(json.loads((run.path / "predictions.json").read_text()), where="predictions.json")
    scores = score_coco(truth, results, engine="hotcoco")
    assert scores.ap == pytest.approx(run.summary["ap"], abs=1e-9)


@pytest.mark.slow
def test_the_real_labels_at_full_size_pass_the_contract_and_give_the_known_counts(tmp_path):
    if not (SHARED / "labels_train3712.zip").is_file():
        pytest.skip(f"the real label files are not here: {SHARED}")
    training = tmp_path / "kitti" / "training"
    (training / "image_2").mkdir(parents=True)
    with zipfile.ZipFile(SHARED / "labels_train3712.zip") as archive:
        archive.extractall(tmp_path / "kitti")
    with (SHARED / "image_sizes.csv").open() as stream:
        sizes = {row["frame"]: (int(row["width"]), int(row["height"])) for row in csv.DictReader(stream)}
    expected = Counter()
    for number, label in enumerate(sorted((training / "label_2").iterdir())):
        picture = draw_plain_image(sizes[label.stem], seed=0, frame=number)
        (training / "image_2" / f"{label.stem}.png").write_bytes(encode_png(picture))
        expected.update(line.split()[0] for line in label.read_text().splitlines())
    assert expected["Car"] == 14357
    config = a_config(tmp_path, tmp_path / "kitti", "records.train_shards=16", "records.val_shards=4")
    store = Store(config.store_dir)
    dataset, validation, parts = prepare(store, config)
    assert (validation.summary["findings_by_check"], validation.summary["set_aside"]) == ({}, 0)
    assert (parts.summary["n_train"], parts.summary["n_val"]) == (2970, 742)
    written = Counter()
    for side in ("train", "val"):
        written.update(write(store, dataset, parts, side, config.records).summary["counts"])
    assert written == {name: n for name, n in expected.items() if name != "DontCare"}


def test_damage_that_only_reading_shows_is_made_again_with_one_warning_and_the_work_goes_on(tmp_path, caplog):
    config = a_config(tmp_path, tmp_path, "source.kind=synthetic", "source.synthetic_frames=8")
    store = Store(config.store_dir)
    before = write_data(store, config)
    image = next(store.path(before.dataset).rglob("000005.png"))
    whole = image.read_bytes()
    flip_a_bit(image)
    assert prepare(store, config)[0].cached  # looked up, not read
    after = write_data(store, config.model_copy(update={"records": RecordsConfig(train_shards=3)}))
    assert image.read_bytes() == whole
    assert after.dataset == before.dataset.model_copy(update={"cached": False})
    (warning,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert f"{image}: changed since it was written: expected sha256" in warning


def no_network(variant: str) -> Path:
    raise ArchiveError(f"efficientdet-{variant}.tar.gz: put it there")


@pytest.mark.parametrize(
    ("weights", "error"),
    [("train.initial_weights=coco", ArchiveError), ("train.initial_weights=no/where", ConfigError)],
)
def test_start_weights_that_cannot_be_had_stop_a_run_before_any_step(
    tmp_path, synthetic_root, monkeypatch, weights, error
):
    monkeypatch.setattr("kittidet.training.start.fetch_pretrained", no_network)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(error, match=r"put it there|no/where"):
        run_pipeline(a_config(tmp_path, synthetic_root, weights))
    assert list((tmp_path / "store").glob("*/_output.json")) == []


def test_published_weights_are_left_to_the_machine_that_trains(tmp_path, synthetic_root, monkeypatch):
    monkeypatch.setattr("kittidet.training.start.fetch_pretrained", no_network)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    config = a_config(tmp_path, synthetic_root, "train.initial_weights=coco")
    find_start_first(Store(config.store_dir), config, trains_here=False)
    with pytest.raises(ArchiveError, match="put it there"):
        find_start_first(Store(config.store_dir), config)


def test_a_finished_training_needs_no_start_weights_any_more(tmp_path, synthetic_root, monkeypatch):
    monkeypatch.setattr("kittidet.training.start.fetch_pretrained", no_network)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    config = a_config(tmp_path, synthetic_root, "train.initial_weights=coco")
    store = Store(config.store_dir)
    assert not is_trained(store, config)
    data = write_data(store, config)
    assert not is_trained(store, config)
    store.get_or_make(train_key(data, config.model, config.train), lambda _: {"checkpoints": []})
    assert is_trained(store, config)
    assert train_on_records(store, config).trained.cached
