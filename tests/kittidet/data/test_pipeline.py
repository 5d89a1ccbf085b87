import shutil
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from kittidet.classes import KITTI8
from kittidet.config import AugmentConfig
from kittidet.data.pipeline import evaluation_batches, plain_record_errors, steps_per_epoch, training_batches
from kittidet.detect.letterbox import Letterbox
from kittidet.errors import RecordError
from kittidet.kitti.tree import open_tree
from kittidet.records.write import write_records

CANVAS_HW = (24, 64)
PIXELS = {"pixel_mean": (123.675, 116.28, 103.53), "pixel_std": (58.395, 57.12, 57.375)}
ALL_IDS = [f"{i:06d}" for i in range(5)]
SHAPES = {
    "image": ((24, 64, 3), "float32"),
    "boxes_xyxy": ((2, 4), "float32"),
    "class_ids": ((2,), "int32"),
    "frame_id": ((), "object"),
    "original_wh": ((2,), "int32"),
    "letterbox": ((4,), "float32"),
}


def train(records, **changes):
    options = {"input_hw": CANVAS_HW, "batch_size": 2, "augment": AugmentConfig(), "seed": 3, "epochs": 2, **PIXELS}
    return training_batches(records, **{**options, **changes})


def evaluate(records, **changes):
    return evaluation_batches(records, **{"input_hw": CANVAS_HW, "batch_size": 2, **PIXELS, **changes})


def numpy_of(dataset):
    return list(dataset.as_numpy_iterator())


def ids_of(batches):
    return [[i.decode() for i in batch["frame_id"]] for batch in batches]


def assert_equal(batches, others):
    assert len(batches) == len(others)
    for batch, other in zip(batches, others, strict=True):
        for name in batch:
            np.testing.assert_array_equal(batch[name], other[name])


@pytest.mark.parametrize(("frames", "batch", "steps"), [(1, 4, 1), (4, 4, 1), (7, 4, 1), (8, 4, 2), (7481, 16, 467)])
def test_an_epoch_has_whole_batches_and_at_least_one(frames, batch, steps):
    assert steps_per_epoch(frames, batch) == steps


def test_training_batches_are_full_and_of_one_shape(records):
    batches = numpy_of(train(records))
    assert len(batches) == 2 * steps_per_epoch(5, 2)
    for batch in batches:
        for name, (shape, dtype) in {**SHAPES, "dont_care_xyxy": ((3, 4), "float32")}.items():
            assert batch[name].shape == (2, *shape), name
            assert batch[name].dtype == dtype, name


def test_shapes_are_known_without_reading(records):
    """Static, so that a model compiles once; only the last evaluation batch may be smaller."""
    assert train(records).element_spec["image"].shape == (2, *CANVAS_HW, 3)
    assert train(records).element_spec["dont_care_xyxy"].shape == (2, 3, 4)
    assert train(records).cardinality() == 4
    assert evaluate(records).element_spec["boxes_xyxy"].shape.as_list() == [None, 2, 4]


def test_the_class_of_a_region_comes_with_it_where_a_region_has_one(records, small_tree, tmp_path):
    assert "dont_care_class_ids" not in train(records).element_spec
    root = shutil.copytree(small_tree.root, tmp_path / "tree")
    label = root / "training" / "label_2" / "000000.txt"
    label.write_text(label.read_text().replace("DontCare", "DontCare:Tram"))
    tree = open_tree(root)
    write_records(tree, tree.frame_ids, split_name="train", table=KITTI8, num_shards=1, out_dir=tmp_path / "r")
    assert train(tmp_path / "r").element_spec["dont_care_class_ids"].shape == (2, 3)
    (first, *_), plain = numpy_of(evaluate(tmp_path / "r")), numpy_of(evaluate(records))[0]
    assert first["dont_care_class_ids"].tolist() == [[7], [0]]
    np.testing.assert_allclose(first["dont_care_xyxy"][0], plain["dont_care_xyxy"][0], rtol=1e-6)


def test_evaluation_takes_the_frames_that_are_named_in_their_order(records):
    everything = [name for batch in ids_of(numpy_of(evaluate(records))) for name in batch]
    some = numpy_of(evaluate(records, places=[4, 1, 2]))
    assert ids_of(some) == [[everything[4], everything[1]], [everything[2]]]


def test_an_epoch_shows_no_frame_twice_and_epochs_differ(records):
    batches = ids_of(numpy_of(train(records, batch_size=5, epochs=6)))
    assert all(sorted(batch) == ALL_IDS for batch in batches)
    assert len({tuple(batch) for batch in batches}) > 3


def test_order_and_pixels_follow_from_the_seed(records):
    first = numpy_of(train(records))
    assert_equal(first, numpy_of(train(records)))
    other = numpy_of(train(records, seed=4))
    assert any((a["image"] != b["image"]).any() for a, b in zip(first, other, strict=True))


def test_a_run_that_goes_on_at_an_epoch_sees_what_the_undisturbed_run_saw(records):
    whole = numpy_of(train(records, epochs=4))
    rest = numpy_of(train(records, epochs=4, first_epoch=2))
    assert_equal(whole[4:], rest)


def test_frames_with_rare_classes_come_more_often_and_a_run_goes_on_inside_an_epoch_as_before(records):
    options = {"repeat_threshold": 1.0, "epochs": 12}
    batches = numpy_of(train(records, **options))
    assert len(batches) == len(numpy_of(train(records, epochs=12)))
    seen = Counter(frame_id for batch in ids_of(batches) for frame_id in batch)
    # 000001 shows nothing; 000002 and 000004 the only Pedestrian and the only Van, a factor of 2.2.
    assert min(seen["000002"], seen["000004"]) > 1.4 * seen["000001"] > 0
    assert_equal(numpy_of(train(records, first_epoch=3, first_batch=1, **options)), batches[7:])
    # A frame that comes twice in an epoch is changed differently.
    one = next(b for b in batches if b["frame_id"][0] == b["frame_id"][1])
    assert not np.array_equal(one["image"][0], one["image"][1])


def test_a_frame_of_more_than_a_hundred_objects_has_them_all(small_tree, tmp_path):
    root = shutil.copytree(small_tree.root, tmp_path / "tree")
    label = root / "training" / "label_2" / "000002.txt"
    (line,) = label.read_text().splitlines()
    label.write_text(f"{line}\n" * 130)
    tree = open_tree(root)
    write_records(tree, ["000002"], split_name="train", table=KITTI8, num_shards=1, out_dir=tmp_path / "r")
    (batch,) = numpy_of(evaluate(tmp_path / "r", batch_size=1))
    assert batch["class_ids"].tolist() == [[4] * 130]
    assert (batch["boxes_xyxy"] == batch["boxes_xyxy"][:, :1]).all()


def test_where_no_class_is_rare_the_order_is_that_without_a_threshold(records):
    assert_equal(numpy_of(train(records, repeat_threshold=0.1)), numpy_of(train(records)))


def test_a_frame_is_changed_differently_in_each_epoch(records):
    batches = numpy_of(train(records, batch_size=5, epochs=4))
    rows = [batch["letterbox"][ids_of([batch])[0].index("000002")].tolist() for batch in batches]
    assert len({tuple(row) for row in rows}) > 1


def test_a_set_smaller_than_a_batch_fills_it_with_differently_changed_repeats(records):
    (batch,) = numpy_of(train(records, batch_size=12, epochs=1))
    ids = ids_of([batch])[0]
    assert {ids.count(frame_id) for frame_id in ALL_IDS} <= {2, 3}
    rows = [tuple(row) for row, frame_id in zip(batch["letterbox"], ids, strict=True) if frame_id == "000000"]
    assert len(set(rows)) == len(rows)


def test_padding_after_the_last_object_is_0(records):
    for batch in numpy_of(train(records)) + numpy_of(evaluate(records)):
        padding = batch["class_ids"] == 0
        assert not batch["boxes_xyxy"][padding].any()
        objects = batch["boxes_xyxy"][~padding]
        assert (objects[:, 2:] > objects[:, :2]).all()


def test_evaluation_shows_every_frame_once_the_last_batch_smaller(records):
    batches = ids_of(numpy_of(evaluate(records)))
    assert [len(ids) for ids in batches] == [2, 2, 1]
    assert sorted(frame_id for ids in batches for frame_id in ids) == ALL_IDS


def test_evaluation_leads_back_to_the_original_boxes(records):
    (batch,) = numpy_of(evaluate(records, batch_size=5))
    row = ids_of([batch])[0].index("000000")
    box = Letterbox.from_row(batch["letterbox"][row])
    np.testing.assert_allclose(
        box.to_original(batch["boxes_xyxy"][row]), [[10, 10, 40, 30], [60, 5, 110, 36]], atol=1e-3
    )
    assert batch["original_wh"][row].tolist() == [124, 38]
    np.testing.assert_allclose(box.to_original(batch["dont_care_xyxy"][row]), [[100, 2, 118, 12]], atol=1e-3)


def test_training_without_changes_shows_the_pixels_of_evaluation(records):
    off = AugmentConfig(flip=False, scale_min=1, scale_max=1, colour=0)
    trained = {b["frame_id"][0]: b["image"][0] for b in numpy_of(train(records, augment=off, batch_size=1, epochs=1))}
    for batch in numpy_of(evaluate(records, batch_size=1)):
        np.testing.assert_allclose(trained[batch["frame_id"][0]], batch["image"][0], atol=1e-5)


def test_a_set_without_objects_and_regions_still_has_a_row_of_padding(tmp_path):
    root = tmp_path / "training"
    for folder in ("image_2", "label_2"):
        (root / folder).mkdir(parents=True)
    Image.new("RGB", (30, 10), (200, 10, 10)).save(root / "image_2" / "000000.png")
    (root / "label_2" / "000000.txt").write_text("")
    out = tmp_path / "records"
    write_records(
        open_tree(tmp_path), ["000000"], split_name="train", table=KITTI8, num_shards=1, out_dir=out, workers=1
    )
    (batch,) = numpy_of(train(out, batch_size=1, epochs=1))
    assert batch["class_ids"].tolist() == [[0]]
    assert batch["boxes_xyxy"].shape == (1, 1, 4)
    (batch,) = numpy_of(evaluate(out))
    assert batch["dont_care_xyxy"].tolist() == [[[0, 0, 0, 0]]]


@pytest.mark.parametrize("options", [{"batch_size": 0}, {"epochs": 0}, {"first_epoch": 2}, {"first_epoch": -1}])
def test_wrong_use_is_refused(records, options):
    with pytest.raises(ValueError, match="expected batch_size >= 1"):
        train(records, **options)


def test_a_folder_without_manifest_is_refused_before_training(tmp_path):
    with pytest.raises(RecordError, match="is unfinished"):
        train(tmp_path)
    with pytest.raises(RecordError, match="is unfinished"):
        evaluate(tmp_path)


def test_damage_in_a_shard_stops_the_run_with_its_name(records, tmp_path):
    copy = tmp_path / "records"
    shutil.copytree(records, copy)
    shard = copy / "train-00000-of-00002.tfrecord"
    data = bytearray(shard.read_bytes())
    data[200] ^= 1
    shard.write_bytes(data)
    said = r"^\S+train-00000-of-00002\.tfrecord: byte \d+: the checksum .* write the records again\.$"
    with pytest.raises(RecordError, match=said), plain_record_errors():
        numpy_of(evaluate(copy))


@pytest.mark.parametrize("batches", [train, evaluate])
def test_batches_are_the_same_to_the_bit_wherever_the_images_lie(records, referring, small_tree, batches):
    held = numpy_of(batches(records))
    assert_equal(held, numpy_of(batches(referring, images_dir=small_tree.images_dir)))
    assert sum(len(batch["image"]) for batch in held) > 4


def test_an_image_that_changed_meanwhile_stops_the_run_with_its_name(referring, small_tree, tmp_path):
    shutil.copytree(small_tree.images_dir, tmp_path / "image_2")
    Image.new("RGB", (124, 37)).save(tmp_path / "image_2" / "000003.png")
    with pytest.raises(RecordError, match=r"^\S+000003\.png: expected the image with CRC"), plain_record_errors():
        numpy_of(evaluate(referring, images_dir=tmp_path / "image_2"))


def test_an_error_of_tensorflow_about_something_else_stays_itself():
    with pytest.raises(tf.errors.InvalidArgumentError), plain_record_errors():
        tf.reshape(tf.zeros([3]), [2])


def test_keras_fits_on_it_and_counts_its_steps(records):
    import keras

    model = keras.Sequential([keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    batches = train(records).map(lambda b: (b["image"], tf.cast(b["class_ids"][:, :1] > 0, tf.float32)))
    history = model.fit(batches, epochs=2, steps_per_epoch=2, shuffle=False, verbose=0)
    assert len(history.history["loss"]) == 2
