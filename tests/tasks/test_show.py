"""tasks.show: pages that carry their pictures, and nothing that could end a training."""

import base64
import io
import json
import uuid

import httpx
import numpy as np
import pytest
from PIL import Image

from kittidet.errors import EvaluationError
from kittidet.steps.split import split_ids
from kittidet.store import Store
from tasks import show


@pytest.fixture
def sent(monkeypatch) -> list:
    """Pretend to be in a run, and collect what would be sent to the server."""
    calls: list = []

    def collect(kind):
        def send(*args, **values):
            calls.append((kind, args, values))
            return uuid.uuid4()

        return send

    for kind in ("table", "markdown", "link", "progress"):
        monkeypatch.setattr(show, f"create_{kind}_artifact", collect(kind))
    monkeypatch.setattr(show, "update_progress_artifact", collect("update"))
    monkeypatch.setattr(show, "is_in_run", lambda: True)
    return calls


def test_outside_a_run_nothing_is_sent(sent, monkeypatch):
    monkeypatch.setattr(show, "is_in_run", lambda: False)
    show.show_table("k", [{"a": 1}], "d")
    show.show_text("k", "text", "d")
    show.show_link("k", "file:///a", "a", "d")
    show.ProgressBar("k", "d").update(0.5, "half")
    assert sent == []


def test_facts_become_readable_rows(sent):
    show.show_facts("k", {"n": 3, "share": 0.25, "leakage": None, "counts": {"Car": 2}, "names": []}, "d")
    assert sent[0][2]["table"] == [
        {"what": "n", "value": "3"},
        {"what": "share", "value": "0.2500"},
        {"what": "leakage", "value": "not known"},
        {"what": "counts", "value": "Car 2"},
        {"what": "names", "value": "none"},
    ]


def test_a_picture_travels_inside_its_page_and_is_never_wide():
    text = show.image_markdown(Image.new("RGBA", (3200, 400)), "caption")
    assert text.startswith("![caption](data:image/jpeg;base64,")
    with Image.open(io.BytesIO(base64.b64decode(text.partition("base64,")[2].removesuffix(")")))) as image:
        assert image.size == (1600, 200)


@pytest.mark.parametrize(("share", "percent"), [(-1.0, 0.0), (0.5, 50.0), (7.0, 100.0)])
def test_progress_stays_between_0_and_100_percent(sent, share, percent):
    show.ProgressBar("k", "d").update(share, "line")
    assert sent[-1][2] == {"progress": percent, "description": "line"}


def test_a_server_that_is_away_does_not_end_what_is_measured(sent, monkeypatch, caplog):
    def away(*args, **values):
        raise httpx.ConnectError("refused")

    bar = show.ProgressBar("k", "d")
    monkeypatch.setattr(show, "update_progress_artifact", away)
    bar.update(0.5, "line")
    assert "progress.not_shown" in caplog.text


def test_a_fetch_is_shown_once_a_percent(monkeypatch):
    shown = []

    class Bar:
        def __init__(self, key, description):
            shown.append(key)

        def update(self, share, description):
            shown.append((round(share, 2), description))

    monkeypatch.setattr(show, "ProgressBar", Bar)
    progress = show.FileBar("k", "d")
    for done in (0, 1, 2, 1000):
        progress("image_2.zip", done, 1000)
    progress("mapping.zip", 5, None)
    assert shown == [
        "k",
        (0.0, "image_2.zip: 0 of 1,000"),
        (1.0, "image_2.zip: 1,000 of 1,000"),
    ]


def test_the_page_of_a_run_names_classes_without_ground_truth(tmp_path):
    page = show.run_page(
        tmp_path,
        {
            "ap": 0.25,
            "ap50": 0.5,
            "ap75": None,
            "best_step": 20,
            "best_epoch": 2,
            "n_train": 8,
            "n_val": 2,
            "n_set_aside": 0,
            "per_class_ap": {"Car": 0.25, "Tram": None},
            "per_class_ap50": {"Car": 0.5, "Tram": None},
            "counts": {"val": {"Car": 4}},
            "digests": {"data": "a" * 64},
            "synthetic": True,
            "leakage": {"shared_val_frames": 1, "share": 0.5},
        },
    )
    assert "**synthetic scenes, not KITTI**" in page
    assert "Leakage: 50% of validation frames share a drive with training." in page
    assert "# AP 0.250 at step 20 (epoch 2)" in page
    assert "| Car | 0.250 | 0.500 | 4 |" in page
    assert "| Tram | no ground truth | no ground truth | 0 |" in page
    assert f"| data | `{'a' * 16}` |" in page


@pytest.fixture
def drawn(prepared) -> tuple:
    """What a gallery is drawn from, and its class table."""
    return (Store(prepared.store_dir), prepared.dataset, prepared.split), prepared.config.records.table()


def test_a_detection_changes_the_picture_of_its_own_frame_only(drawn, tmp_path):
    (store, dataset, split), table = drawn
    ids = split_ids(store, split, "val")
    path = tmp_path / "predictions.json"

    def draw(results: list) -> np.ndarray:
        path.write_text(json.dumps(results))
        return np.asarray(show.prediction_gallery(store, dataset, split, path, table)).astype(int)

    box = [300.0, 150.0, 200.0, 100.0]
    empty = draw([])
    found = draw([{"image_id": int(ids[1]), "category_id": 1, "bbox": box, "score": 0.9}])
    weak = draw([{"image_id": int(ids[1]), "category_id": 1, "bbox": box, "score": 0.1}])
    assert (empty == weak).all()
    rows, columns = np.nonzero((empty != found).any(axis=-1))
    # Two pictures a row: the second frame is the right half of the first row.
    assert columns.min() >= 800
    assert rows.max() < empty.shape[0] / 2


def test_labels_of_a_side_are_drawn(drawn):
    inputs, table = drawn
    assert show.label_gallery(*inputs, "train", table).width == 1600


def test_only_the_frames_of_the_gallery_are_read(drawn, tmp_path, monkeypatch):
    inputs, table = drawn
    read, load_frame = [], show.load_frame
    monkeypatch.setattr(
        show, "load_frame", lambda tree, frame_id, table: read.append(frame_id) or load_frame(tree, frame_id)
    )
    monkeypatch.setattr(show, "GALLERY_FRAMES", 2)
    (tmp_path / "predictions.json").write_text("[]")
    show.prediction_gallery(*inputs, tmp_path / "predictions.json", table)
    assert read == list(split_ids(inputs[0], inputs[2], "val")[:2])


def test_a_file_that_is_no_result_list_is_named(drawn, tmp_path):
    inputs, table = drawn
    (tmp_path / "predictions.json").write_text('[{"image_id": 1}]')
    with pytest.raises(EvaluationError, match=r"predictions\.json"):
        show.prediction_gallery(*inputs, tmp_path / "predictions.json", table)
