"""Images of training batches show the pixels that the network gets and the boxes that it learns."""

import numpy as np
from PIL import Image

from kittidet.classes import KITTI8
from kittidet.config import AugmentConfig, ModelConfig
from kittidet.data.pipeline import training_batches
from kittidet.data.preview import draw_batch, mosaic, write_batches
from kittidet.drawing import KNOWN_COLOURS
from kittidet.model.scaling import variant_spec

MODEL = ModelConfig(variant="d0", input_hw=(96, 320))


def batches(records):
    spec = variant_spec("d0")
    return training_batches(
        records,
        input_hw=MODEL.input_hw,
        batch_size=2,
        augment=AugmentConfig(),
        seed=1,
        epochs=1,
        pixel_mean=spec.pixel_mean,
        pixel_std=spec.pixel_std,
    )


def test_an_image_is_what_the_network_gets_with_its_boxes_in_their_classes_colours():
    spec = variant_spec("d0")
    grey = np.full((1, *MODEL.input_hw, 3), 100.0)
    batch = {
        "image": (grey - spec.pixel_mean) / spec.pixel_std,
        "boxes_xyxy": np.float32([[[40, 30, 90, 80], [0, 0, 0, 0]]]),
        "class_ids": np.int32([[1, 0]]),
        "dont_care_xyxy": np.float32([[[200, 20, 260, 60]]]),
        "frame_id": np.array([b"000007"], object),
    }
    ((frame_id, image),) = draw_batch(batch, table=KITTI8, model=MODEL)
    pixels = np.asarray(image)
    assert frame_id == "000007"
    assert pixels.shape == (96, 320, 3)
    assert pixels[90, 150].tolist() == [100, 100, 100]
    car = [int(KNOWN_COLOURS["Car"][i : i + 2], 16) for i in (1, 3, 5)]
    rows, columns = np.nonzero((pixels == car).all(axis=-1))
    assert (columns.min(), columns.max(), rows.max()) == (40, 90, 80)
    assert pixels[40, 230, 0] > 105  # the overlay of a region


def test_each_batch_is_a_file_of_its_images(train_records, tmp_path):
    paths = write_batches(tmp_path / "images", batches(train_records).take(3), table=KITTI8, model=MODEL)
    assert [p.name for p in paths] == ["train_batch0.jpg", "train_batch1.jpg", "train_batch2.jpg"]
    assert sorted(p.name for p in (tmp_path / "images").iterdir()) == [p.name for p in paths]
    with Image.open(paths[0]) as image:
        assert image.width == 1600
        assert np.asarray(image).std() > 10


def test_a_mosaic_is_about_as_wide_as_high():
    one = ("a", Image.new("RGB", (100, 100)))
    assert [mosaic([one] * n).height // mosaic([one] * n).width for n in (1, 4, 9)] == [1, 1, 1]
