import csv
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kittidet.classes import KITTI3, KITTI8, ClassTable
from kittidet.errors import RecordError
from kittidet.frame import Frame, KittiObject
from kittidet.kitti.labels import parse_label_line
from kittidet.records.example import (
    CRC32C,
    ENCODED,
    REGION_LABEL,
    SCHEMA,
    SHA256,
    feature_problems,
    frame_features,
    source_ids,
)
from kittidet.records.message import encode_with_blob

SIZE_WH = (200, 100)


def labelled(kitti_type="Car", xyxy=(20.0, 10.0, 100.0, 60.0), truncated=0.0, **changes):
    fields = {
        "occluded": 1,
        "alpha": -1.5,
        "dimensions_hwl": (1.5, 1.6, 3.9),
        "location_xyz": (1.0, 1.5, 20.0),
        "rotation_y": -1.4,
    }
    return KittiObject(type=kitti_type, truncated=truncated, xyxy=xyxy, **{**fields, **changes})


def region(xyxy=(150.0, 5.0, 160.0, 15.0)):
    return KittiObject("DontCare", -1.0, -1, -10.0, xyxy, (-1.0,) * 3, (-1000.0,) * 3, -10.0)


def features_of(*objects, frame_id="000123", table=KITTI8, size_wh=SIZE_WH, **more):
    frame = Frame(frame_id, Path(f"{frame_id}.png"), size_wh, objects)
    return frame_features(frame, table, source_id=123, image_format="png", edge_tolerance_px=1.0, **more)


def payload_of(*objects):
    return b"".join(encode_with_blob(features_of(*objects), ENCODED, b"png"))


def values_of(features):
    return {name: list(values) for name, (_, values) in features.items()}


def test_a_frame_without_objects_has_every_key_and_empty_lists():
    values = values_of(features_of())
    assert values.keys() == SCHEMA.keys() - {ENCODED, SHA256, CRC32C, REGION_LABEL}
    assert all(not v for name, v in values.items() if "/object/" in name or "/dont_care/" in name)


def test_the_image_keys_say_what_the_file_is():
    values = values_of(features_of())
    assert (values["image/width"], values["image/height"]) == ([200], [100])
    assert values["image/filename"] == [b"000123.png"]
    assert values["image/source_id"] == [b"123"]
    assert values["image/kitti/frame_id"] == [b"000123"]


def test_every_column_of_a_label_is_kept():
    values = values_of(features_of(labelled("Van", truncated=0.25)))
    box = [values[f"image/object/bbox/{side}"][0] for side in ("xmin", "ymin", "xmax", "ymax")]
    assert box == pytest.approx([0.1, 0.1, 0.5, 0.6])
    assert values["image/object/class/label"] == [2]
    assert values["image/object/class/text"] == [b"Van"]
    assert values["image/object/area"] == pytest.approx([80 * 50])
    assert values["image/object/truncated"] == [1]
    assert values["image/object/kitti/truncated"] == [0.25]
    assert values["image/object/kitti/occluded"] == [1]
    assert values["image/object/kitti/alpha"] == [-1.5]
    assert [values[f"image/object/kitti/dimensions/{a}"][0] for a in ("height", "width", "length")] == [1.5, 1.6, 3.9]
    assert [values[f"image/object/kitti/location/{a}"][0] for a in "xyz"] == [1.0, 1.5, 20.0]
    assert values["image/object/kitti/rotation_y"] == [-1.4]


def test_merged_types_keep_their_own_name_beside_the_tables():
    values = values_of(features_of(labelled("Person_sitting"), labelled("Tram"), table=KITTI3))
    assert values["image/object/class/text"] == [b"Pedestrian"]
    assert values["image/object/class/label"] == [2]
    assert values["image/object/kitti/type"] == [b"Person_sitting"]


def test_dont_care_regions_are_no_objects_and_have_their_own_keys():
    values = values_of(features_of(region(), labelled()))
    assert len(values["image/object/class/label"]) == 1
    assert values["image/dont_care/bbox/xmin"] == pytest.approx([0.75])
    assert values["image/dont_care/bbox/ymax"] == pytest.approx([0.15])


def test_a_frame_whose_objects_are_all_outside_the_table_is_legal():
    assert values_of(features_of(labelled("Tram"), labelled("Misc"), table=KITTI3))["image/object/area"] == []


def test_a_box_within_the_leeway_is_clipped_to_the_edge():
    values = values_of(features_of(labelled(xyxy=(-0.9, 10.0, 200.5, 60.0))))
    assert values["image/object/bbox/xmin"] == [0.0]
    assert values["image/object/bbox/xmax"] == [1.0]


@pytest.mark.parametrize(
    ("xyxy", "message"),
    [
        ((-1.5, 10, 20, 20), "inside the image of 200x100"),
        ((10, 10, 20, 101.5), "inside the image of 200x100"),
        ((30, 10, 20, 20), "xmin < xmax"),
        ((10, 10, 10, 20), "xmin < xmax"),
        ((10, 20, 20, 20), "ymin < ymax"),
        ((float("nan"), 10, 20, 20), "inside the image"),
        ((10, 10, float("inf"), 20), "inside the image"),
        ((-0.5, 10, -0.25, 20), "xmin < xmax"),
    ],
)
@pytest.mark.parametrize("make", [labelled, region])
def test_a_box_outside_or_empty_is_refused_by_frame(xyxy, message, make):
    with pytest.raises(RecordError, match=f"frame 000123: .*{message}"):
        features_of(make(xyxy=xyxy))


def test_a_number_that_is_not_finite_is_refused():
    with pytest.raises(RecordError, match="frame 000123: image/object/kitti/alpha: expected finite"):
        features_of(labelled(alpha=float("nan")))


@pytest.mark.parametrize(
    ("frame_ids", "expected"),
    [
        ([], []),
        (["000000", "007480", "12"], [0, 7480, 12]),
        (["000030_10", "000030_11"], [1, 2]),
        (["000001", "1"], [1, 2]),
        (["5", "16777216"], [1, 2]),
        (["\u0661\u0662", "-1", "1.5", "a"], [1, 2, 3, 4]),
    ],
)
def test_readers_get_the_frames_numbers_or_their_places(frame_ids, expected):
    """case: ids_not_six_digits"""
    assert source_ids(frame_ids) == expected


@pytest.mark.parametrize(("label", "problems"), [(1, 0), (8, 0), (0, 1), (9, 1), (-1, 1)])
def test_labels_outside_the_class_table_are_problems(label, problems):
    features = {**features_of(labelled()), "image/object/class/label": ("int64", [label])}
    assert len(feature_problems(features, num_classes=8)) == problems


def test_without_a_table_only_labels_below_one_are_problems():
    features = {**features_of(labelled()), "image/object/class/label": ("int64", [90])}
    assert feature_problems(features, num_classes=None) == []


@pytest.mark.parametrize("side", ["xmin", "ymax"])
def test_sides_of_different_number_are_problems(side):
    features = {**features_of(labelled()), f"image/object/bbox/{side}": ("float", [0.1, 0.2])}
    assert "the same number of values for each side" in feature_problems(features, num_classes=8)[0]


def test_boxes_without_labels_are_problems():
    features = {**features_of(labelled()), "image/object/class/label": ("int64", [])}
    assert feature_problems(features, num_classes=8) == [
        "image/object/class/label: expected 1 values, one per box, got 0"
    ]


def test_boxes_in_pixels_are_problems():
    features = {**features_of(labelled()), "image/object/bbox/xmax": ("float", [100.0])}
    assert "expected sides in 0..1" in feature_problems(features, num_classes=8)[0]


def test_the_loader_of_google_automl_finds_its_features():
    """The specification of the reference's loader: names, kinds and defaults."""
    import tensorflow as tf

    spec = {
        "image/encoded": tf.io.FixedLenFeature((), tf.string),
        "image/source_id": tf.io.FixedLenFeature((), tf.string, ""),
        "image/height": tf.io.FixedLenFeature((), tf.int64, -1),
        "image/width": tf.io.FixedLenFeature((), tf.int64, -1),
        **{f"image/object/bbox/{side}": tf.io.VarLenFeature(tf.float32) for side in ("xmin", "xmax", "ymin", "ymax")},
        "image/object/class/label": tf.io.VarLenFeature(tf.int64),
        "image/object/area": tf.io.VarLenFeature(tf.float32),
        "image/object/is_crowd": tf.io.VarLenFeature(tf.int64),
    }
    payload = payload_of(labelled("Cyclist"), region(), labelled("Car"))
    parsed = tf.io.parse_single_example(payload, spec)
    assert tf.strings.to_number(parsed["image/source_id"]) == 123
    assert (parsed["image/height"], parsed["image/width"]) == (100, 200)
    assert parsed["image/encoded"] == b"png"
    dense = {name: tf.sparse.to_dense(v).numpy() for name, v in parsed.items() if isinstance(v, tf.SparseTensor)}
    np.testing.assert_allclose(dense["image/object/bbox/ymax"], [0.6, 0.6])
    np.testing.assert_array_equal(dense["image/object/class/label"], [6, 1])
    np.testing.assert_allclose(dense["image/object/area"], [4000, 4000], rtol=1e-6)
    np.testing.assert_array_equal(dense["image/object/is_crowd"], [0, 0])


def test_the_decoder_of_the_object_detection_api_finds_its_features():
    """The keys and kinds of tf_example_decoder.py, those of image-level labels and masks left out."""
    import tensorflow as tf

    strings = ("image/encoded", "image/format", "image/filename", "image/key/sha256", "image/source_id")
    floats = (*(f"image/object/bbox/{side}" for side in ("xmin", "xmax", "ymin", "ymax")), "image/object/area")
    integers = ("class/label", "is_crowd", "difficult", "group_of")
    spec = {
        **{name: tf.io.FixedLenFeature((), tf.string, "") for name in strings},
        "image/height": tf.io.FixedLenFeature((), tf.int64, 1),
        "image/width": tf.io.FixedLenFeature((), tf.int64, 1),
        **{name: tf.io.VarLenFeature(tf.float32) for name in (*floats, "image/object/weight")},
        **{f"image/object/{name}": tf.io.VarLenFeature(tf.int64) for name in integers},
        "image/object/class/text": tf.io.VarLenFeature(tf.string),
    }
    parsed = tf.io.parse_single_example(payload_of(labelled("Cyclist")), spec)
    assert parsed["image/format"] == b"png"
    assert tf.sparse.to_dense(parsed["image/object/class/text"]).numpy().tolist() == [b"Cyclist"]
    assert tf.sparse.to_dense(parsed["image/object/difficult"]).numpy().tolist() == [0]


def test_every_real_label_becomes_features():
    """The 3,712 label files of Chen's training list with their images' sizes: no box needs more than the leeway."""
    kitti = Path(__file__).parents[4] / "shared" / "kitti"
    if not kitti.is_dir():
        pytest.skip("the real label files are not beside the project: ../shared/kitti")
    with (kitti / "image_sizes.csv").open(newline="") as stream:
        sizes = {row["frame"]: (int(row["width"]), int(row["height"])) for row in csv.DictReader(stream)}
    counts = Counter()
    with zipfile.ZipFile(kitti / "labels_train3712.zip") as archive:
        for name in sorted(n for n in archive.namelist() if n.endswith(".txt")):
            frame_id = Path(name).stem
            lines = archive.read(name).decode().splitlines()
            objects = tuple(parse_label_line(line, where=name) for line in lines)
            values = values_of(features_of(*objects, frame_id=frame_id, size_wh=sizes[frame_id]))
            counts["frames"] += 1
            counts["objects"] += len(values["image/object/class/label"])
            counts["rows"] += len(objects)
            counts["regions"] += len(values["image/dont_care/bbox/xmin"])
    assert counts["frames"] == 3712
    assert counts["objects"] + counts["regions"] == counts["rows"] > 20000


def test_the_class_of_a_region_is_written_where_one_has_a_class():
    of_a_van = replace(region(), region_of="Van")
    assert REGION_LABEL not in features_of(labelled(), region())
    features = features_of(labelled(), of_a_van, region())
    assert features[REGION_LABEL] == ("int64", [2, 0])
    assert feature_problems(features, num_classes=8) == []
    for wrong in ([2], [9, 0], [-1, 0]):
        changed = {**features, REGION_LABEL: ("int64", wrong)}
        assert "expected 2 values, one per region, 0..8" in feature_problems(changed, num_classes=8)[0]
    # A table without that class has no such region.
    assert features_of(of_a_van, table=ClassTable(("Car",)))["image/dont_care/bbox/xmin"] == ("float", [])


def test_boxes_of_a_neutral_type_are_regions_of_the_class_it_is_neutral_for_and_objects_as_before():
    van, walker = labelled("Van", (40.0, 10.0, 100.0, 60.0)), labelled("Pedestrian", (120.0, 10.0, 140.0, 60.0))
    plain = features_of(van, walker, region())
    features = features_of(van, walker, region(), neutral={"Van": "Car"})
    assert features[REGION_LABEL] == ("int64", [0, 1])
    np.testing.assert_allclose(features["image/dont_care/bbox/xmin"][1], [0.75, 0.2])
    changed = {name for name in features if features[name] != plain.get(name)}
    assert changed == {REGION_LABEL, *(f"image/dont_care/bbox/{side}" for side in ("xmin", "ymin", "xmax", "ymax"))}
    # Also where the table leaves the type out.
    left_out = features_of(van, table=ClassTable(("Car",)), neutral={"Van": "Car"})
    assert left_out["image/object/class/label"] == ("int64", [])
    assert left_out[REGION_LABEL] == ("int64", [1])
    assert features_of(walker, neutral={"Van": "Car"}) == features_of(walker)
