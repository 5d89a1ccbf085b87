"""The public detector: built, loaded, saved, started from COCO, and asked for what it sees."""

import keras
import numpy as np
import pytest
from PIL import Image

from kittidet.classes import KITTI3, KITTI8, ClassTable, coco_table
from kittidet.config import ModelConfig
from kittidet.detect import detector as module
from kittidet.detect.checkpoint import DetectorFacts
from kittidet.detect.detector import Detector
from kittidet.detect.images import ImageError
from kittidet.errors import CheckpointMismatchError, ConfigError
from kittidet.model.efficientdet import build_efficientdet
from kittidet.model.pretrained import LoadReport
from kittidet.model.reference_names import CLASS_ROWS, reference_variables

INPUT_HW = (64, 128)


@pytest.fixture
def real_models(monkeypatch):
    """The real networks, whatever earlier tests of the session put in their place."""
    monkeypatch.setattr(module, "build_efficientdet", build_efficientdet)


@pytest.fixture(scope="module")
def coco_weights(tmp_path_factory):
    """A whole COCO checkpoint, untrained."""
    keras.utils.set_random_seed(1)
    network = build_efficientdet("lite0", 90, INPUT_HW)
    path = tmp_path_factory.mktemp("coco") / "coco.weights.h5"
    network.save_weights(path)
    return path, network


def arrays(network, part=""):
    return [keras.ops.convert_to_numpy(v) for v in network.weights if part in v.path]


def test_all_90_outputs_come_from_a_coco_checkpoint_and_anchors_are_the_published_ones(coco_weights, real_models):
    path, network = coco_weights
    found = Detector.from_coco("lite0", input_hw=INPUT_HW, weights=path)
    assert (found.table, found.model.anchor_scale) == (coco_table(), None)
    for ours, theirs in zip(arrays(found.network), arrays(network), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_kitti_detector_takes_over_the_rows_of_coco_classes(coco_weights, real_models):
    path, network = coco_weights
    found = Detector.from_coco("lite0", classes="kitti8", input_hw=INPUT_HW, weights=path)
    assert found.table == KITTI8
    ours, theirs = (keras.ops.convert_to_numpy(reference_variables(n)[CLASS_ROWS[1]]) for n in (found.network, network))
    car, cocos_car = KITTI8.id_of("Car") - 1, coco_table().names.index("car")
    np.testing.assert_array_equal(ours.reshape(9, 8)[:, car], theirs.reshape(9, 90)[:, cocos_car])
    for a, b in zip(arrays(found.network, "box_net"), arrays(network, "box_net"), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("part", ["left_alone", "partly"])
def test_a_checkpoint_that_leaves_values_random_is_refused(monkeypatch, part):
    report = LoadReport(loaded=("box_net/bias",), **{part: {"class_net/bias": "it is for 3 classes, the model has 90"}})
    monkeypatch.setattr(module, "build_efficientdet", lambda *args: None)
    monkeypatch.setattr(module, "load_checkpoint", lambda *args, **_: report)
    with pytest.raises(CheckpointMismatchError, match=r"class_net/bias: it is for 3 classes.* whole COCO checkpoint"):
        Detector.from_coco("d0", weights="coco.h5")


@pytest.mark.parametrize(
    ("classes", "table"),
    [("kitti8", KITTI8), (KITTI3, KITTI3), (["cat", "dog"], ClassTable(("cat", "dog"))), ("coco", coco_table())],
)
def test_classes_are_a_tables_name_a_table_or_names(tiny_models, classes, table):
    assert Detector.build("d0", classes=classes, input_hw=INPUT_HW).table == table


def test_a_detector_has_the_published_size_unless_told_otherwise(tiny_models):
    assert Detector.build("d0", classes="kitti8").model == ModelConfig(variant="d0", input_hw=(512, 512))


def test_wrong_variants_and_tables_are_refused(tiny_models):
    with pytest.raises(ValueError, match="unknown variant 'd9'"):
        Detector.build("d9", classes="kitti8")
    with pytest.raises(ConfigError, match="kitti3"):
        Detector.build("d0", classes="kitti")


def test_a_seed_gives_the_same_weights_again(tiny_models):
    one, other = (Detector.build("d0", classes="kitti8", input_hw=INPUT_HW, seed=4) for _ in range(2))
    for a, b in zip(arrays(one.network), arrays(other.network), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_saved_is_loaded_from_its_folder_and_from_its_weights(tiny_models, tmp_path):
    made = Detector.build("d0", classes=["cat"], input_hw=INPUT_HW, seed=1)
    path = made.save(tmp_path / "mine")
    for place in (path, str(path), path / "model.weights.h5"):
        loaded = Detector.load(place)
        assert loaded.facts == made.facts == DetectorFacts(made.model, ClassTable(("cat",)))
        for a, b in zip(arrays(made.network), arrays(loaded.network), strict=True):
            np.testing.assert_array_equal(a, b)
    with pytest.raises(OSError, match="mine"):
        made.save(path)


def test_a_network_is_taken_over_where_it_fits(tiny_models, tmp_path):
    first = Detector.build("d0", classes="kitti8", input_hw=INPUT_HW)
    path = first.save(tmp_path / "one")
    assert Detector.load(path, reuse=first).network is first.network
    other = Detector.build("d0", classes="kitti3", input_hw=INPUT_HW)
    assert Detector.load(path, reuse=other).network is not other.network


@pytest.fixture
def eager(tiny_models):
    """A detector that is sure of much."""
    found = Detector.build("d0", classes="kitti8", input_hw=INPUT_HW, seed=0)
    for variable in found.network.trainable_variables:
        if "kernel" in variable.path:
            variable.assign(variable * 3)
    return found


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name, size in (("000000", (200, 60)), ("000001", (90, 140))):
        Image.fromarray(rng.integers(0, 255, (*size[::-1], 3), dtype=np.uint8)).save(tmp_path / f"{name}.png")
    return tmp_path


def test_every_kind_of_source_gives_a_list_with_the_same_boxes(eager, folder):
    expected = eager.predict(folder)
    assert [d.frame_id for d in expected] == ["000000", "000001"]
    assert all(len(d) > 3 for d in expected)
    images = [Image.open(p) for p in sorted(folder.iterdir())]
    for source in (
        f"{folder}/*.png",
        [folder / "000000.png", str(folder / "000001.png")],
        images,
        [np.asarray(image) for image in images],
    ):
        found = eager.predict(source)
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(ours.xyxy, theirs.xyxy)
    (alone,) = eager.predict(np.asarray(images[1]), batch_size=1)
    np.testing.assert_allclose(alone.scores, expected[1].scores, atol=1e-5)


def test_boxes_lie_in_their_own_image_best_first_and_limits_hold(eager, folder):
    (wide, tall) = eager.predict(folder)
    for found, (width, height) in ((wide, (200, 60)), (tall, (90, 140))):
        assert (found.xyxy >= 0).all()
        assert found.xyxy[:, 2].max() <= width
        assert found.xyxy[:, 3].max() <= height
        assert (np.diff(found.scores) <= 0).all()
        assert set(found.class_ids) <= set(range(1, 9))
    middle = float(np.median(wide.scores))
    (sure, _) = eager.predict(folder, min_score=middle)
    np.testing.assert_array_equal(sure.scores, wide.scores[wide.scores >= np.float32(middle)])
    assert {len(d) for d in eager.predict(folder, max_detections=2)} <= {1, 2}
    assert len(eager.predict(folder, nms="hard")[0]) > 0


def test_an_unreadable_file_is_raised_or_left_out(eager, folder):
    (folder / "000000.png").write_bytes(b"damaged")
    with pytest.raises(ImageError, match=r"000000\.png"):
        eager.predict(folder)
    assert [d.frame_id for d in eager.predict(folder, unreadable="skip")] == ["000001"]


def test_no_image_is_an_empty_list(eager):
    assert eager.predict([]) == []
