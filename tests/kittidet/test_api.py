"""The public face: its names, what importing it costs, and the lines a person writes first."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import kittidet as kd
from kittidet.classes import KITTI8
from kittidet.config import EvalConfig, ModelConfig, RecordsConfig, SourceConfig, SplitConfig, TrainConfig
from kittidet.errors import EvaluationError
from kittidet.frame import Detections, KittiObject
from kittidet.kitti.frames import load_frame
from kittidet.synthetic.dataset import render_dataset


def perfect(frames):
    """Detections that are the labels."""
    found = []
    for frame in frames:
        xyxy, class_ids = frame.labelled(KITTI8)
        found.append(Detections(frame.frame_id, xyxy, np.ones(len(xyxy), np.float32), class_ids))
    return found


@pytest.fixture(scope="module")
def frames(synthetic_tree):
    return [load_frame(synthetic_tree, frame_id) for frame_id in synthetic_tree.frame_ids]


@pytest.mark.parametrize("name", kd.__all__)
def test_every_public_name_is_there_and_says_what_it_is(name):
    assert name in dir(kd)
    assert getattr(kd, name).__doc__.strip()


def test_another_name_is_no_attribute():
    with pytest.raises(AttributeError, match="'kittidet' has no attribute 'nonsense'"):
        kd.nonsense  # noqa: B018
    assert kd.__version__.count(".") == 2


def test_importing_it_loads_nothing_heavy():
    code = (
        "import kittidet, sys; heavy = {'tensorflow', 'keras', 'numpy', 'PIL', 'pandas', 'pydantic', 'matplotlib', "
        "'h5py', 'prefect'}; print(sorted(heavy & set(sys.modules)), len(dir(kittidet)) > 14)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("] ") == ["[", "True\n"]


def test_scoring_needs_no_tensorflow():
    code = "import kittidet as kd, sys; kd.evaluate, kd.kitti_ap, kd.Run; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_room_never_takes_the_place_of_a_public_name():
    """Importing kittidet.x sets the attribute x of the package."""
    from importlib.util import find_spec

    assert [name for name in kd.__all__ if name != "presets" and find_spec(f"kittidet.{name}") is not None] == []


@pytest.mark.parametrize("classes", ["kitti8", KITTI8, KITTI8.names])
def test_a_perfect_detector_scores_one_on_the_frames_it_has_records_for(synthetic_tree, frames, classes):
    scores = kd.evaluate(perfect(frames[:5]), synthetic_tree, classes=classes)
    assert (scores.ap, scores.n_images, scores.engine) == (pytest.approx(1), 5, "pycocotools")
    assert kd.evaluate(perfect(frames[:5]), frames, classes=classes, engine="hotcoco").ap == pytest.approx(1)


def test_a_box_beyond_the_image_is_scored_as_it_is_learned(frames):
    """Case: box_outside_clip. Records and detections are clipped to the image, so the labels are too."""
    box = (-33.65, 10.0, 100.0, 90.0)
    outside = [
        replace(f, frame_id=f"{k:06d}", objects=(replace(KittiObject.of_box("Car", box), occluded=0),))
        for k, f in enumerate(frames[:3] * 20)
    ]
    found = perfect([frame.clipped() for frame in outside])
    assert all(item.xyxy.tolist() == [[0, 10, 100, 90]] for item in found)
    assert kd.evaluate(found, outside, classes="kitti8").ap == pytest.approx(1)
    assert kd.kitti_ap(found, outside, classes="kitti8").official["Car"].r40[0] == pytest.approx(100)


def test_a_record_without_detections_counts_its_frame(frames):
    nothing = Detections(
        frames[1].frame_id, np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int32)
    )
    scores = kd.evaluate([*perfect(frames[:1]), nothing], frames, classes="kitti8")
    assert scores.n_images == 2
    assert scores.n_ground_truth == sum(len(f.labelled(KITTI8)[1]) for f in frames[:2])


def test_kitti_ap_is_the_devkits_of_the_same_frames(synthetic_tree, frames):
    scores = kd.kitti_ap(perfect(frames), synthetic_tree, classes="kitti8", order_free=True)
    assert scores.n_frames == len(frames)
    assert scores.order_free["Car"].r40[-1] == pytest.approx(100)


@pytest.mark.parametrize("score", [kd.evaluate, kd.kitti_ap])
@pytest.mark.parametrize("truth", ["tree", "frames"])
def test_frames_without_labels_and_frames_given_twice_are_refused(synthetic_tree, frames, score, truth):
    labelled = synthetic_tree if truth == "tree" else frames
    found = perfect(frames[:2])
    stranger = Detections("image-0", found[0].xyxy, found[0].scores, found[0].class_ids)
    with pytest.raises(EvaluationError, match=r"1 of 3 predicted frames .*for example 'image-0'"):
        score([*found, stranger], labelled, classes="kitti8")
    with pytest.raises(EvaluationError, match=f"1 frames have several records, for example '{frames[1].frame_id}'"):
        score([*found, found[1]], labelled, classes="kitti8")
    with pytest.raises(EvaluationError, match="0 of 0 predicted frames"):
        score([], labelled, classes="kitti8")


def test_from_images_to_a_trained_detector_and_its_scores(tmp_path, tiny_models):
    """The lines of the README, on eight synthetic frames."""
    data = render_dataset(tmp_path / "kitti", frames=8, seed=5, zips=False, sizes=[(310, 94)] * 8)
    config = kd.RunConfig(
        name="first",
        store_dir=tmp_path / "store",
        runs_dir=tmp_path / "runs",
        split=SplitConfig(val_share=0.5),
        records=RecordsConfig(train_shards=1, val_shards=1),
        model=ModelConfig(input_hw=(64, 128)),
        train=TrainConfig(epochs=2, batch_size=4, checkpoint_every_epochs=1, warmup_epochs=0.1),
        evaluation=EvalConfig(batch_size=4),
    )
    run = kd.train(config, data=data)
    assert run.config.source == SourceConfig(kind="folder", path=data)
    assert [c["epoch"] for c in run.summary["checkpoints"]] == [1, 2]

    tree = kd.open_tree(str(data))
    images = [tree.image_path(frame.frame_id) for frame in run.frames]
    found = run.detector().predict(images, min_score=0.01)
    assert [item.frame_id for item in found] == [frame.frame_id for frame in run.frames]
    # The run's own detections of the same frames, which came from its records.
    for ours, theirs in zip(found, run.detections, strict=True):
        np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-4)
        np.testing.assert_allclose(ours.xyxy, theirs.xyxy, atol=0.05)
    scores = kd.evaluate(found, tree, classes=run.table)
    assert scores.ap == pytest.approx(run.summary["ap"], abs=1e-6)
    assert kd.kitti_ap(found, tree, classes=run.table).n_frames == 4
