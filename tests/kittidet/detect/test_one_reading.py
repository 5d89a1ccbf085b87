"""One image gives the same pixels everywhere: from its file, from a record, and in TensorFlow's graphs."""

import io
import struct

import numpy as np
import pytest
from fixtures.encoded_images import chunk, encode, exif, jpegs_and_bmps, pngs, raw_png, samples, street
from PIL import Image

from kittidet.classes import KITTI8
from kittidet.config import ModelConfig
from kittidet.convert.output import look_at, place_upright
from kittidet.data.parse import parse_example
from kittidet.data.pipeline import evaluation_batches
from kittidet.detect.images import ImageError, read_image
from kittidet.detect.predictor import Predictor
from kittidet.detect.preprocess import decode_rgb
from kittidet.detect.sources import find_images
from kittidet.frame import Frame
from kittidet.kitti.tree import open_tree
from kittidet.model.scaling import variant_spec
from kittidet.records.example import ENCODED, FRAME_ID
from kittidet.records.message import encode_with_blob
from kittidet.records.write import write_records
from kittidet.report.images import read_image as read_frame

FILES = pngs() | jpegs_and_bmps()
# With what prediction and conversions read besides.
EVERY = FILES | {
    "tiff 16-bit grey": encode(Image.fromarray(samples(1)[..., 0]), "TIFF"),
    "webp": encode(street(), "WEBP"),
    **{f"{kind.lower()} on its side": encode(street(), kind, exif=exif(6)) for kind in ("PNG", "JPEG", "TIFF", "WEBP")},
}


def read(tmp_path, data):
    path = tmp_path / "image"
    path.write_bytes(data)
    return read_image(path).pixels


@pytest.mark.parametrize("name", FILES)
def test_a_file_and_tensorflow_give_the_same_pixels(name, tmp_path, everywhere):
    pixels = read(tmp_path, FILES[name])
    assert pixels.shape == (61, 91, 3)
    assert pixels.std() > 20
    np.testing.assert_array_equal(everywhere(decode_rgb, FILES[name]), pixels)


@pytest.mark.parametrize("name", [name for name in FILES if not name.startswith("bmp")])
def test_a_record_gives_the_same_pixels(name, tmp_path, everywhere):
    payload = b"".join(encode_with_blob({FRAME_ID: ("bytes", [b"000000"])}, ENCODED, FILES[name]))
    np.testing.assert_array_equal(everywhere(lambda p: parse_example(p)["image"], payload), read(tmp_path, FILES[name]))


def test_the_network_sees_the_same_from_records_and_from_files(tmp_path):
    """To the bit: what evaluation batches hold and what prediction makes of the file, of every PNG and JPEG."""
    kept = {name: data for name, data in FILES.items() if not name.startswith("bmp")}
    for folder in ("image_2", "label_2"):
        (tmp_path / "training" / folder).mkdir(parents=True)
    tree_dir = tmp_path / "training"
    for number, (name, data) in enumerate(kept.items()):
        suffix = "png" if name.startswith("png") else "jpg"
        (tree_dir / "image_2" / f"{number:06d}.{suffix}").write_bytes(data)
        (tree_dir / "label_2" / f"{number:06d}.txt").write_text("")
    tree = open_tree(tmp_path)
    write_records(
        *(tree, tree.frame_ids), split_name="val", table=KITTI8, num_shards=1, out_dir=tmp_path / "records", workers=1
    )
    model, spec = ModelConfig(variant="d0", input_hw=(96, 128)), variant_spec("d0")
    predictor = Predictor(None, model)
    seen = 0
    for batch in evaluation_batches(
        tmp_path / "records",
        input_hw=model.input_hw,
        batch_size=4,
        pixel_mean=spec.pixel_mean,
        pixel_std=spec.pixel_std,
    ):
        for name, ours, row in zip(batch["frame_id"].numpy(), batch["image"], batch["letterbox"], strict=True):
            image, letterbox = predictor.preprocess(read_image(tree.image_path(name.decode())).pixels)
            np.testing.assert_array_equal(ours, image)
            np.testing.assert_array_equal(row, letterbox)
            seen += 1
    assert seen == len(kept)


@pytest.mark.parametrize("name", EVERY)
def test_predictions_galleries_and_conversions_have_the_same_pixels(name, tmp_path):
    """What a COCO or YOLO data set becomes in the store is what prediction and reports make of the file itself."""
    source = tmp_path / "image"
    source.write_bytes(EVERY[name])
    pixels = read_image(source).pixels
    (read,) = find_images(source).reads
    np.testing.assert_array_equal(read().pixels, pixels)
    assert look_at(source).size_wh == (pixels.shape[1], pixels.shape[0])
    place_upright(source, tmp_path / "tree" / "a.b", "copy")
    (converted,) = (tmp_path / "tree").iterdir()
    np.testing.assert_array_equal(read_image(converted).pixels, pixels)
    for path in (source, converted):
        frame = Frame("a.b", path, (pixels.shape[1], pixels.shape[0]), ())
        np.testing.assert_array_equal(np.asarray(read_frame(frame)), pixels)
    # So is what the network is trained on: the converted file itself goes into the record.
    payload = b"".join(encode_with_blob({FRAME_ID: ("bytes", [b"a.b"])}, ENCODED, converted.read_bytes()))
    np.testing.assert_array_equal(parse_example(payload)["image"], pixels)


@pytest.mark.parametrize("size_wh", [(32, 32), (32, 8192), (8192, 32)])
def test_the_smallest_and_the_largest_sizes_are_read_alike(size_wh, tmp_path):
    data = encode(street().resize(size_wh), "PNG")
    pixels = read(tmp_path, data)
    assert pixels.shape == (size_wh[1], size_wh[0], 3)
    np.testing.assert_array_equal(decode_rgb(data), pixels)
    image, letterbox = Predictor(None, ModelConfig(variant="d0", input_hw=(96, 128))).preprocess(pixels)
    assert image.shape == (96, 128, 3)
    assert np.isfinite(image).all()
    assert np.isfinite(letterbox).all()


@pytest.mark.parametrize(("channels", "colour"), [(1, 0), (2, 4), (3, 2), (4, 6)])
def test_16_bit_samples_keep_their_high_byte(channels, colour, tmp_path):
    values = samples(channels)
    high = (values >> 8).astype(np.uint8)[..., : 3 if channels > 2 else 1]
    np.testing.assert_array_equal(read(tmp_path, raw_png(values, colour)), np.broadcast_to(high, (61, 91, 3)))


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_16_bit_tiff_keeps_its_high_byte_too(order, tmp_path):
    values = samples(1)[..., 0]
    image = Image.fromarray(values.astype(f"{order}u2"))
    np.testing.assert_array_equal(read(tmp_path, encode(image, "TIFF"))[..., 1], values >> 8)


def test_a_16_bit_tiff_may_store_white_as_0(tmp_path):
    values = samples(1)[..., 0]
    data = encode(Image.fromarray(values), "TIFF", tiffinfo={262: 0})
    np.testing.assert_array_equal(read(tmp_path, data)[..., 1], 255 - (values >> 8))


def test_samples_of_12_bits_are_refused_instead_of_darkened(tmp_path):
    data = encode(Image.fromarray(samples(1)[..., 0]), "TIFF")
    sixteen, twelve = (struct.pack("<HHIHH", 258, 3, 1, bits, 0) for bits in (16, 12))
    assert data.count(sixteen) == 1
    with pytest.raises(ImageError, match="expected 8 or 16 bits a sample, got 12"):
        read(tmp_path, data.replace(sixteen, twelve))


def test_cmyk_of_a_jpeg_is_inverted_where_its_marker_says_so_alone(tmp_path):
    adobe, other = (read(tmp_path, FILES[f"jpeg cmyk{more}"]).astype(int) for more in ("", ", not Adobe's"))
    assert np.abs(adobe - other).mean() < 2
    assert np.abs(adobe - np.asarray(street())).mean() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_file_is_turned_as_its_orientation_says(kind, orientation, tmp_path):
    upright = street()
    stored = {
        1: [], 2: [0], 3: [3], 4: [1], 5: [5], 6: [2], 7: [6], 8: [4],
    }[orientation]  # fmt: skip
    for method in stored:
        upright = upright.transpose(Image.Transpose(method))
    pixels = read(tmp_path, encode(upright, kind, exif=exif(orientation)))
    assert pixels.shape == (61, 91, 3)
    assert np.abs(pixels.astype(int) - np.asarray(street())).mean() < 12


@pytest.mark.parametrize("mode", ["F", "I"])
def test_samples_of_32_bits_are_refused_instead_of_clipped(mode, tmp_path):
    with pytest.raises(ImageError, match="expected 8 or 16 bits a sample, got 32") as caught:
        read(tmp_path, encode(Image.new(mode, (8, 4)), "TIFF"))
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8\xff\xe0",
        b"BM" + bytes(60),
        encode(street(), "JPEG")[:-500],
        encode(street().convert("1"), "BMP"),
        encode(street(), "WEBP"),
        encode(street(), "TIFF"),
        raw_png(samples(3, np.uint8), 2, rows=60),
    ],
)
def test_what_tensorflow_cannot_read_right_it_refuses(data):
    import tensorflow as tf

    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_rgb(tf.constant(data))


@pytest.mark.parametrize(("dtype", "channels", "colour"), [(np.uint8, 3, 2), (np.uint8, 1, 0), (np.uint16, 4, 6)])
def test_rows_that_a_png_lacks_are_not_made_up(dtype, channels, colour, tmp_path):
    with pytest.raises(ImageError, match="of rows are present"):
        read(tmp_path, raw_png(samples(channels, dtype), colour, rows=60))


def test_a_huge_image_is_refused_by_its_header(tmp_path):
    data = raw_png(samples(3, np.uint8), 2, size_wh=(8193, 8000))
    with pytest.raises(ImageError, match="expected sides of at most 8192 px, got 8193x8000"):
        read(tmp_path, data)


def test_transparent_palettes_lose_transparency_alone(tmp_path):
    image = street().quantize(32)
    with Image.open(io.BytesIO(encode(image, "PNG"))) as plain:
        np.testing.assert_array_equal(
            read(tmp_path, encode(image, "PNG", transparency=bytes(range(32)))), np.asarray(plain.convert("RGB"))
        )


def test_bytes_after_the_end_of_a_png_are_passed_over(tmp_path):
    np.testing.assert_array_equal(read(tmp_path, FILES["png rgb"] + b"more" + chunk(b"IDAT", b"")), street())
