"""kittidet.steps.drift: the frames that are new, against the champion's, whose data may be gone."""

import shutil

import pytest
from PIL import Image

from kittidet.steps.drift import report_drift
from kittidet.steps.fetch import fetch
from kittidet.steps.plan import plan_retraining
from kittidet.steps.retrain import retrain
from kittidet.steps.validate import validate
from kittidet.store import Store


@pytest.fixture
def report(graded_training, growing_config, monkeypatch):
    """Return a function that reports drift after the first champion; two frames are enough for it."""
    monkeypatch.setattr("kittidet.retraining.drift.MIN_FRAMES", 2)
    retrain(growing_config)

    def make():
        store = Store(growing_config.store_dir)
        dataset = fetch(store, growing_config.source)
        validation = validate(store, dataset, growing_config.validation, growing_config.records)
        return report_drift(store, plan_retraining(store, growing_config, dataset, validation), dataset)

    return make


def test_new_frames_alone_are_compared(report, grow, tmp_path):
    grow()
    # The champion's data need not be there any more.
    for output in (tmp_path / "store").glob("profile-*"):
        shutil.rmtree(output)
    found = report()
    assert found.new_frames == 2
    assert [row["what"] for row in found.rows] == ["class mix", "box height", "brightness", "image size"]
    assert "2 new training frames" in found.sentence


def test_darker_images_are_drift(report, grow, synthetic_tree):
    tree = grow()
    for frame_id in synthetic_tree.frame_ids[7:]:
        with Image.open(tree.image_path(frame_id)) as image:
            image.point(lambda value: value // 4).save(tree.image_path(frame_id))
    found = report()
    assert found.has_drifted
    assert "brightness" in found.sentence


def test_too_few_frames_are_not_judged(report, grow, monkeypatch):
    grow()
    monkeypatch.setattr("kittidet.retraining.drift.MIN_FRAMES", 10)
    found = report()
    assert (found.rows, found.has_drifted, found.new_frames) == ((), False, 2)
    assert found.sentence == "2 new training frames: drift is measured from 10 on."
