import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from zipfile import ZipFile

import pytest

from kittidet.errors import DatasetContractError
from kittidet.kitti.labels import parse_label_file
from kittidet.kitti.tree import open_tree
from kittidet.synthetic.dataset import is_synthetic, render_dataset
from kittidet.synthetic.picture import encode_png
from kittidet.synthetic.plan import plan_set
from kittidet.synthetic.render import draw_frame

SMALL = (310, 94)
FRAMES, SEED = 4, 11


def contents(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("small") / "kitti"
    return render_dataset(root, frames=FRAMES, seed=SEED, sizes=[SMALL] * FRAMES, workers=1)


def test_a_set_needs_a_frame(tmp_path):
    with pytest.raises(ValueError, match="frames >= 1"):
        render_dataset(tmp_path / "kitti", frames=0, seed=0)
    assert list(tmp_path.iterdir()) == []


def test_sizes_are_one_per_frame(tmp_path):
    with pytest.raises(ValueError, match="1 sizes for 2 frames"):
        render_dataset(tmp_path / "kitti", frames=2, seed=0, sizes=[SMALL])


def test_every_byte_is_the_same_whatever_the_number_of_workers(small, tmp_path):
    other = render_dataset(tmp_path / "other", frames=FRAMES, seed=SEED, sizes=[SMALL] * FRAMES, workers=2)
    assert contents(other) == contents(small)


def test_another_seed_draws_other_pictures(small, tmp_path):
    other = render_dataset(tmp_path / "kitti", frames=FRAMES, seed=SEED + 1, sizes=[SMALL] * FRAMES, zips=False)
    ours = {value for name, value in contents(small).items() if name.endswith(".png")}
    theirs = {value for name, value in contents(other).items() if name.endswith(".png")}
    assert len(ours) == len(theirs) == FRAMES
    assert not ours & theirs


def test_a_frame_drawn_alone_equals_the_frame_in_the_set(small):
    drive, frame = plan_set(FRAMES, SEED).locate(2)
    alone = draw_frame(drive, frame, SMALL)
    assert encode_png(alone.image) == (small / "training/image_2/000002.png").read_bytes()
    assert parse_label_file(small / "training/label_2/000002.txt") == list(alone.objects)


def test_the_tree_opens_with_every_pair(small):
    assert open_tree(small).frame_ids == tuple(f"{k:06d}" for k in range(FRAMES))


def test_the_mapping_names_the_drive_each_image_shows(synthetic_root):
    recipe = json.loads((synthetic_root / "synth.json").read_text())
    plan = plan_set(recipe["frames"], recipe["seed"])
    expected = {f"{k:06d}": plan.locate(k)[0].name for k in range(recipe["frames"])}
    assert open_tree(synthetic_root).drive_of() == expected
    assert len(set(expected.values())) > 1


def test_a_set_is_known_as_synthetic_by_its_recipe_or_its_drives(synthetic_root, tmp_path):
    assert is_synthetic(open_tree(synthetic_root))
    assert is_synthetic(open_tree(synthetic_root / "training"))
    # As its archives leave it: without the recipe.
    moved = shutil.copytree(synthetic_root / "training", tmp_path / "kitti" / "training").parent
    assert not is_synthetic(open_tree(moved))
    shutil.copytree(synthetic_root / "devkit", moved / "devkit")
    assert is_synthetic(open_tree(moved))


def test_labels_keep_the_contract(synthetic_root):
    tree = open_tree(synthetic_root)
    labels = 0
    for frame_id in tree.frame_ids:
        drive, _ = plan_set(10, 3).locate(int(frame_id))
        width, height = {"2001_09_26": (1242, 375), "2001_09_28": (1224, 370), "2001_09_29": (1238, 374)}.get(
            drive.date, (1241, 376)
        )
        for label in parse_label_file(tree.label_path(frame_id)):
            left, top, right, bottom = label.xyxy
            assert 0 <= left < right <= width - 1
            assert 0 <= top < bottom <= height - 1
            if not label.is_dont_care:
                labels += 1
                assert 0 <= label.truncated <= 1
                assert label.occluded in (0, 1, 2, 3)
                assert -3.15 <= label.alpha <= 3.15
                assert -3.15 <= label.rotation_y <= 3.15
                assert min(label.dimensions_hwl) > 0
                assert label.location_xyz[2] > 0
    assert labels > 10


def test_archives_have_the_official_names_and_layout(small):
    layout = {
        "data_object_image_2.zip": ("training/image_2/", small / "training/image_2"),
        "data_object_label_2.zip": ("training/label_2/", small / "training/label_2"),
        "devkit_object.zip": ("mapping/", small / "devkit/mapping"),
    }
    for name, (inside, folder) in layout.items():
        with ZipFile(small / name) as archive:
            assert archive.namelist() == [inside + path.name for path in sorted(folder.iterdir())]
            assert all(archive.read(inside + path.name) == path.read_bytes() for path in folder.iterdir())


def test_a_finished_set_is_left_as_it_is(small):
    before = {path: path.stat().st_mtime_ns for path in small.rglob("*")}
    render_dataset(small, frames=FRAMES, seed=SEED, sizes=[SMALL] * FRAMES)
    assert {path: path.stat().st_mtime_ns for path in small.rglob("*")} == before


@pytest.mark.parametrize("zips", [False, True])
def test_nothing_is_left_beside_the_set(tmp_path, zips):
    for _ in range(2):
        render_dataset(tmp_path / "set", frames=1, seed=1, sizes=[(64, 48)], zips=zips)
        assert [p.name for p in tmp_path.iterdir()] == ["set"]
    with pytest.raises(DatasetContractError):
        render_dataset(tmp_path / "set", frames=1, seed=2, sizes=[(64, 48)])
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


def test_archives_can_be_added_later(small, tmp_path):
    root = render_dataset(tmp_path / "kitti", frames=FRAMES, seed=SEED, sizes=[SMALL] * FRAMES, zips=False)
    assert not list(root.glob("*.zip"))
    render_dataset(root, frames=FRAMES, seed=SEED, sizes=[SMALL] * FRAMES, zips=True)
    assert contents(root) == contents(small)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"frames": 5, "sizes": [SMALL] * 5}, "'frames': 5"), ({"seed": 12}, "'seed': 12"), ({"sizes": None}, "sizes")],
)
def test_a_set_of_another_recipe_is_refused_and_kept(small, change, message):
    before = contents(small)
    with pytest.raises(DatasetContractError, match=message):
        render_dataset(small, **({"frames": FRAMES, "seed": SEED, "sizes": [SMALL] * FRAMES} | change))
    assert contents(small) == before


def test_a_folder_with_other_files_is_refused_and_kept(tmp_path):
    (tmp_path / "kitti").mkdir()
    (tmp_path / "kitti" / "thesis.tex").write_text("mine")
    with pytest.raises(DatasetContractError, match="Name another folder"):
        render_dataset(tmp_path / "kitti", frames=1, seed=0)
    assert (tmp_path / "kitti" / "thesis.tex").read_text() == "mine"


def test_a_set_with_a_missing_file_is_refused(tmp_path):
    root = render_dataset(tmp_path / "kitti", frames=2, seed=0, sizes=[SMALL] * 2, zips=False)
    (root / "training/image_2/000001.png").unlink()
    with pytest.raises(DatasetContractError, match="expected 2 files, got 1"):
        render_dataset(root, frames=2, seed=0, sizes=[SMALL] * 2, zips=False)


def test_a_recipe_that_does_not_parse_is_refused(tmp_path):
    (tmp_path / "kitti").mkdir()
    (tmp_path / "kitti" / "synth.json").write_text("{")
    with pytest.raises(DatasetContractError, match="make it again"):
        render_dataset(tmp_path / "kitti", frames=1, seed=0)


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "kitti").mkdir()
    root = render_dataset(tmp_path / "kitti", frames=1, seed=0, sizes=[SMALL], zips=False)
    assert (root / "training/label_2/000000.txt").is_file()


def test_an_interrupted_set_is_absent_and_the_next_is_whole(small, tmp_path):
    class InterruptedDrawingError(Exception):
        pass

    def interrupt(_name: str, done: int, _total: int | None) -> None:
        if done == 2:
            raise InterruptedDrawingError

    arguments = {"frames": FRAMES, "seed": SEED, "sizes": [SMALL] * FRAMES, "workers": 1}
    with pytest.raises(InterruptedDrawingError):
        render_dataset(tmp_path / "kitti", **arguments, progress=interrupt)
    assert not (tmp_path / "kitti").exists()
    (tmp_path / ".kitti.partial-of-one-killed" / "training").mkdir(parents=True)
    assert contents(render_dataset(tmp_path / "kitti", **arguments)) == contents(small)
    assert not list(tmp_path.glob(".kitti.partial*"))


def test_progress_counts_up_to_the_last_frame(tmp_path):
    calls = []
    render_dataset(
        tmp_path / "kitti", frames=2, seed=1, sizes=[SMALL] * 2, progress=lambda *call: calls.append(call), zips=False
    )
    assert calls == [("synthetic", 1, 2), ("synthetic", 2, 2)]


@pytest.mark.fault
def test_kill_9_leaves_no_set_and_the_next_run_equals_an_undisturbed_one(small, tmp_path):
    root = tmp_path / "kitti"
    code = (
        "import time; from kittidet.synthetic.dataset import is_synthetic, render_dataset\n"
        f"render_dataset({str(root)!r}, frames={FRAMES}, seed={SEED}, sizes=[{SMALL}] * {FRAMES}, workers=1,\n"
        "             progress=lambda *_: time.sleep(1))"
    )
    child = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob(".kitti.partial-*/training/image_2/*"))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert not root.exists()
    again = render_dataset(root, frames=FRAMES, seed=SEED, sizes=[SMALL] * FRAMES, workers=1)
    assert contents(again) == contents(small)
