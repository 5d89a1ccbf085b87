"""tasks.gallery: labels and detections on the frames they belong to."""

import json

import numpy as np
import pytest

from kittidet.errors import EvaluationError
from kittidet.steps.split import split_ids
from kittidet.store import Store
from tasks.gallery import label_gallery, prediction_gallery


@pytest.fixture
def outputs(prepared):
    store = Store(prepared.store_dir)
    return prepared.dataset.output(store), prepared.split.output(store), prepared.config.records.table()


def test_a_detection_changes_the_picture_of_its_own_frame_only(outputs, tmp_path):
    dataset, split, table = outputs
    ids = split_ids(split, "val")
    path = tmp_path / "predictions.json"

    def draw(results: list) -> np.ndarray:
        path.write_text(json.dumps(results))
        return np.asarray(prediction_gallery(dataset, split, path, table)).astype(int)

    box = [300.0, 150.0, 200.0, 100.0]
    empty = draw([])
    found = draw([{"image_id": int(ids[1]), "category_id": 1, "bbox": box, "score": 0.9}])
    weak = draw([{"image_id": int(ids[1]), "category_id": 1, "bbox": box, "score": 0.1}])
    assert (empty == weak).all()
    rows, columns = np.nonzero((empty != found).any(axis=-1))
    # Two pictures a row: the second frame is the right half of the first row.
    assert columns.min() >= 800
    assert rows.max() < empty.shape[0] / 2


def test_labels_of_a_side_are_drawn(outputs):
    dataset, split, table = outputs
    assert label_gallery(dataset, split, "train", table).width == 1600


def test_a_file_that_is_no_result_list_is_named(outputs, tmp_path):
    dataset, split, table = outputs
    (tmp_path / "predictions.json").write_text('[{"image_id": 1}]')
    with pytest.raises(EvaluationError, match=r"predictions\.json"):
        prediction_gallery(dataset, split, tmp_path / "predictions.json", table)
