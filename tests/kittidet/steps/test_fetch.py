"""kittidet.steps.fetch: every source becomes one verified tree, known by its content."""

import shutil
import zipfile
from pathlib import Path

import pytest
from fixtures.damage import flip_a_bit
from PIL import Image

from kittidet.config import SourceConfig
from kittidet.errors import ConfigError, DamagedOutputError, DatasetContractError, RecordError
from kittidet.steps.fetch import dataset_images, dataset_tree, fetch, fetch_key
from kittidet.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def folder_source(path: Path) -> SourceConfig:
    return SourceConfig(kind="folder", path=path)


def test_a_drawn_set_is_drawn_once(store):
    source = SourceConfig(kind="synthetic", synthetic_frames=3, synthetic_seed=5)
    first, second = fetch(store, source), fetch(store, source)
    assert (first.cached, second.cached) == (False, True)
    assert first.summary["frames"] == 3
    assert len(dataset_tree(store, second).frame_ids) == 3
    assert store.path(first) in dataset_tree(store, first).root.parents


def test_a_local_tree_stays_where_it_is(store, synthetic_root):
    output = fetch(store, folder_source(synthetic_root))
    assert dataset_tree(store, output).root == synthetic_root
    assert list(store.path(output).rglob("*.png")) == []


def test_the_same_data_elsewhere_has_the_same_content_digest(store, synthetic_root, tmp_path):
    shutil.copytree(synthetic_root / "training", tmp_path / "copy" / "training")
    shutil.copytree(synthetic_root / "devkit", tmp_path / "copy" / "devkit")
    here, there = fetch(store, folder_source(synthetic_root)), fetch(store, folder_source(tmp_path / "copy"))
    assert here.summary["content"] == there.summary["content"]
    assert dataset_tree(store, there).root == tmp_path / "copy"


@pytest.mark.parametrize("victim", ["training/label_2/000001.txt", "training/image_2/000001.png"])
def test_a_changed_byte_gives_other_content_and_another_key(store, synthetic_root, tmp_path, victim):
    shutil.copytree(synthetic_root / "training", tmp_path / "copy" / "training")
    source = folder_source(tmp_path / "copy")
    before, content = fetch_key(store, source), fetch(store, source).summary["content"]
    with (tmp_path / "copy" / victim).open("r+b") as stream:
        stream.seek(-3, 2)
        stream.write(b"x")
    assert fetch_key(store, source) != before
    assert fetch(store, source).summary["content"] != content


@pytest.fixture
def zips(synthetic_root, tmp_path) -> Path:
    folder = tmp_path / "zips"
    folder.mkdir()
    for archive in synthetic_root.glob("*.zip"):
        shutil.copy(archive, folder)
    return folder


def test_zips_are_unpacked_into_the_store_and_hold_the_same_content(store, synthetic_root, zips):
    seen = []
    output = fetch(store, folder_source(zips), progress=lambda name, done, total: seen.append((name, done, total)))
    assert store.path(output) in dataset_tree(store, output).root.parents
    assert output.summary["content"] == fetch(store, folder_source(synthetic_root)).summary["content"]
    assert sorted(p.name for p in zips.iterdir()) == sorted(p.name for p in synthetic_root.glob("*.zip"))
    assert any(name == "data_object_image_2.zip" and done == total for name, done, total in seen)


def test_the_key_of_zips_unpacks_nothing_and_a_second_start_neither(store, zips, monkeypatch):
    key = fetch_key(store, folder_source(zips))
    assert not store.root.exists()
    assert fetch(store, folder_source(zips)).digest == key.digest

    def unwanted(*args, **kwargs):
        raise AssertionError("unpacked again")

    monkeypatch.setattr("kittidet.steps.fetch.unpack_archives", unwanted)
    moved = zips.rename(zips.with_name("moved"))
    assert fetch(store, folder_source(moved)).cached


def test_a_changed_member_changes_the_key_of_zips(store, zips):
    before = fetch_key(store, folder_source(zips))
    whole = zips / "data_object_label_2.zip"
    with zipfile.ZipFile(whole) as old:
        members = {info.filename: old.read(info) for info in old.infolist() if not info.is_dir()}
    name = "training/label_2/000001.txt"
    members[name] = members[name][:-2] + (b"1\n" if members[name][-2:-1] != b"1" else b"2\n")
    with zipfile.ZipFile(whole, "w") as new:
        for member, data in members.items():
            new.writestr(member, data)
    assert fetch_key(store, folder_source(zips)) != before


def test_unpacking_that_broke_off_goes_on(store, zips, monkeypatch):
    from kittidet.kitti.archive.unpack import unpack_archives

    class Killed(BaseException):
        """Stands for the end of the process."""

    def break_off(name, done, total):
        if done > total // 2:
            raise Killed

    with pytest.raises(Killed):
        fetch(store, folder_source(zips), progress=break_off)
    written = []
    monkeypatch.setattr(
        "kittidet.steps.fetch.unpack_archives",
        lambda path, folder, *, progress: (
            written.append(sum(1 for _ in folder.rglob("0*"))) or unpack_archives(path, folder, progress=progress)
        ),
    )
    assert fetch(store, folder_source(zips)).summary["frames"] == 10
    assert written[0] > 0


def test_a_folder_source_without_a_path_is_told_what_to_set(store):
    with pytest.raises(ConfigError, match=r"source\.path"):
        fetch(store, SourceConfig(kind="folder"))


def test_a_folder_without_data_is_named(store, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetContractError, match=str(tmp_path)):
        fetch(store, folder_source(tmp_path / "empty"))


def test_a_tree_without_frames_is_refused(store, tmp_path):
    for kind in ("image_2", "label_2"):
        (tmp_path / "empty" / "training" / kind).mkdir(parents=True)
    with pytest.raises(DatasetContractError, match="pairs"):
        fetch(store, folder_source(tmp_path / "empty"))


def test_a_file_that_changes_after_the_fetch_is_not_taken_for_the_one_that_was_fetched(store, synthetic_root, tmp_path):
    shutil.copytree(synthetic_root / "training", tmp_path / "copy" / "training")
    output = fetch(store, folder_source(tmp_path / "copy"))
    (tmp_path / "copy" / "training" / "label_2" / "000001.txt").write_text("")
    with pytest.raises(DatasetContractError, match="changed after"):
        dataset_tree(store, output)


@pytest.mark.parametrize("damage", ["image", "label", "more"])
def test_damage_in_the_stores_own_data_is_made_again_and_not_reported_for_ever(store, damage):
    source = SourceConfig(kind="synthetic", synthetic_frames=3, synthetic_seed=5)
    output = fetch(store, source)
    tree = dataset_tree(store, output)
    if damage == "more":
        label = tree.label_path("000001")
        label.with_name("000009.txt").write_text(label.read_text())
    else:
        flip_a_bit(tree.image_path("000001") if damage == "image" else tree.label_path("000001"))
    with pytest.raises(DamagedOutputError, match="found more" if damage == "more" else "000001"):
        dataset_tree(store, output)
    assert not fetch(store, source).cached
    assert dataset_tree(store, output).digest() == output.summary["content"]


def test_a_bit_that_the_disk_lost_is_found_once_a_reader_meets_it(store):
    source = SourceConfig(kind="synthetic", synthetic_frames=3, synthetic_seed=5)
    output = fetch(store, source)
    with pytest.raises(RecordError, match="no image of the data"), dataset_images(store, output) as images_dir:
        raise RecordError("no image of the data")
    flip_a_bit(images_dir / "000001.png")
    with pytest.raises(DamagedOutputError, match=r"000001\.png: changed"), dataset_images(store, output):
        raise RecordError("another image")
    assert not fetch(store, source).cached
    with dataset_images(store, output) as images_dir:
        assert images_dir.name == "image_2"


def yolo_set(folder: Path) -> Path:
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        Image.new("RGB", (64, 48)).save(folder / "images" / split / f"{split} 1.jpg")
        (folder / "labels" / split / f"{split} 1.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (folder / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [helmet]\n")
    return folder / "data.yaml"


def test_a_yolo_set_becomes_a_tree_in_the_store_known_by_its_content(store, tmp_path):
    source = SourceConfig(kind="yolo", path=yolo_set(tmp_path / "a"))
    output = fetch(store, source)
    tree = dataset_tree(store, output)
    assert tree.frame_ids == ("train 1", "val 1")
    assert store.path(output) in tree.root.parents
    assert not any(path.is_symlink() for path in tree.root.rglob("*"))
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    assert fetch(store, source.model_copy(update={"path": tmp_path / "b"})).cached
    (tmp_path / "b" / "labels" / "val" / "val 1.txt").write_text("")
    assert not fetch(store, source.model_copy(update={"path": tmp_path / "b"})).cached


def test_a_coco_source_without_annotations_is_told_what_to_set(store):
    with pytest.raises(ConfigError, match=r"source\.annotations"):
        fetch(store, SourceConfig(kind="coco"))


def test_a_yolo_layout_as_a_folder_is_counted_and_pointed_on(store, tmp_path):
    yolo_set(tmp_path / "a")
    with pytest.raises(DatasetContractError, match=r"1 \.jpg in images/train/.*source\.kind=yolo"):
        fetch(store, folder_source(tmp_path / "a"))


def test_the_data_that_another_machine_made_are_fetched_with_their_tree(bucket, on_machine):
    on_machine("first")
    output = fetch(Store(bucket), SourceConfig(kind="synthetic", synthetic_frames=3, synthetic_seed=5))
    on_machine("second")
    tree = dataset_tree(Store(bucket), output)
    assert tree.root.is_relative_to(Store(bucket).root)
    assert (len(tree.frame_ids), tree.digest()) == (3, output.summary["content"])
