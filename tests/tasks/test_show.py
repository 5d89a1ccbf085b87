"""tasks.show: pages that carry their pictures."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from kittidet.classes import KITTI8
from kittidet.errors import EvaluationError
from kittidet.frame import Frame
from kittidet.steps.split import split_ids
from kittidet.store import Store
from tasks import show


def test_a_picture_travels_inside_its_page_and_is_never_wide():
    text = show.image_markdown(Image.new("RGBA", (3200, 400)), "caption")
    assert text.startswith("![caption](data:image/jpeg;base64,")
    with Image.open(io.BytesIO(base64.b64decode(text.partition("base64,")[2].removesuffix(")")))) as image:
        assert image.size == (1600, 200)


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


def test_the_page_of_a_report_carries_its_curves_and_official_ap_and_names_the_file(tmp_path):
    page = tmp_path / "index.html"
    Image.new("RGB", (300, 200)).save(tmp_path / "results.png")
    Image.new("RGB", (300, 200)).save(tmp_path / "pr_curve.png")
    kitti = {"ap": {"Car": {"R40": [91.234, 80.0, None], "R11": [90.0, 80.0, 70.0]}}}
    (tmp_path / "measures.json").write_text(json.dumps({"kitti": kitti}))
    text = show.report_page(page)
    assert f"`{page}`" in text
    assert text.count("data:image/jpeg;base64,") == 2
    assert "| Car | 91.23 | 80.00 | no ground truth |" in text
    # A report without images knows no official scores.
    (tmp_path / "measures.json").write_text('{"kitti": null}')
    assert "official" not in show.report_page(page)


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


def test_a_16_bit_image_is_shown_as_the_detector_sees_it(tmp_path):
    Image.fromarray(np.full((96, 320), 0x40FF, np.uint16)).save(tmp_path / "a.png")
    gallery = show._gallery([(Frame("a", tmp_path / "a.png", (320, 96), ()), None)], KITTI8)
    assert np.median(np.asarray(gallery)) == 0x40


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
