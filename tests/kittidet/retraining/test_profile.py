"""kittidet.retraining.profile: facts of frames, known again by their content."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from kittidet.classes import KITTI8
from kittidet.errors import DatasetContractError
from kittidet.kitti.frames import load_frame
from kittidet.kitti.tree import open_tree
from kittidet.retraining import profile
from kittidet.retraining.profile import Profile, frame_contents, measure_profile


def test_the_facts_are_those_of_image_and_labels(synthetic_tree):
    frame_id = synthetic_tree.frame_ids[0]
    (facts,) = measure_profile(synthetic_tree, [frame_id], KITTI8).frames
    frame = load_frame(synthetic_tree, frame_id, KITTI8)
    objects = [o for o in frame.objects if KITTI8.id_of(o.type) is not None]
    assert facts.size_wh == frame.size_wh
    assert facts.classes == tuple(o.type for o in objects)
    assert facts.heights == pytest.approx([o.xyxy[3] - o.xyxy[1] for o in objects], abs=0.01)
    with Image.open(frame.image_path) as image:
        assert facts.brightness == pytest.approx(np.asarray(image.convert("L")).mean(), abs=0.01)


def test_16_bit_grey_is_as_bright_as_it_is_shown(synthetic_tree, tmp_path):
    shutil.copytree(synthetic_tree.root, tmp_path / "kitti")
    tree = open_tree(tmp_path / "kitti")
    frame_id = tree.frame_ids[0]
    Image.fromarray(np.full((375, 1242), 0x40FF, np.uint16)).save(tree.image_path(frame_id))
    assert measure_profile(tree, [frame_id], KITTI8).frames[0].brightness == 0x40


def test_a_profile_comes_back_from_json(synthetic_tree):
    found = measure_profile(synthetic_tree, synthetic_tree.frame_ids, KITTI8)
    assert len(found.frames) == len(found.contents) == len(synthetic_tree.frame_ids)
    assert Profile.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_only_frames_of_other_content_are_new(synthetic_tree, tmp_path):
    known = measure_profile(synthetic_tree, synthetic_tree.frame_ids, KITTI8).contents
    root = tmp_path / "kitti"
    shutil.copytree(synthetic_tree.root, root)
    tree = open_tree(root)
    assert measure_profile(tree, tree.frame_ids, KITTI8, known=known).frames == ()
    label = tree.label_path(tree.frame_ids[3])
    label.write_text(
        label.read_text() + "Car 0.00 0 0.00 10.00 20.00 110.00 80.00 1.50 1.60 3.90 0.00 1.60 20.00 0.00\n"
    )
    tree = open_tree(root)
    new = measure_profile(tree, tree.frame_ids, KITTI8, known=known)
    assert new.contents == {frame_contents(tree, tree.frame_ids)[tree.frame_ids[3]]}


def test_of_many_frames_some_are_measured_the_same_each_time(synthetic_tree, monkeypatch):
    monkeypatch.setattr(profile, "SAMPLE", 4)
    found = measure_profile(synthetic_tree, synthetic_tree.frame_ids, KITTI8)
    assert (len(found.frames), len(found.contents)) == (4, len(synthetic_tree.frame_ids))
    assert measure_profile(synthetic_tree, synthetic_tree.frame_ids[::-1], KITTI8) == found


def test_an_image_that_cannot_be_decoded_is_named(synthetic_tree, tmp_path):
    root = tmp_path / "kitti"
    shutil.copytree(synthetic_tree.root, root)
    tree = open_tree(root)
    image = tree.image_path(tree.frame_ids[0])
    image.write_bytes(image.read_bytes()[:2000])
    with pytest.raises(DatasetContractError, match=f"{image.name}: cannot decode"):
        measure_profile(open_tree(root), tree.frame_ids, KITTI8)
