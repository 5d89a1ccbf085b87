"""Which images are meant by a name, by pixels, or by a list of them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kittidet.detect.images import ImageError
from kittidet.detect.sources import find_images, list_images
from kittidet.errors import EvaluationError


def save(path, size=(8, 4), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size).save(path)
    return path


def test_a_folder_stands_for_its_images_in_order(tmp_path):
    for name in ("b.png", "a.JPG", "c.txt.png"):
        save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "folder.png").mkdir()
    assert [p.name for p in list_images(str(tmp_path))] == ["a.JPG", "b.png", "c.txt.png"]


def test_a_pattern_stands_for_what_it_matches(tmp_path, monkeypatch):
    for name in ("one/1.png", "two/2.png", "two/3.jpg"):
        save(tmp_path / name)
    assert [p.stem for p in list_images(f"{tmp_path}/*/*.png")] == ["1", "2"]
    assert [p.stem for p in list_images(f"{tmp_path}/**/*.jpg")] == ["3"]
    monkeypatch.chdir(tmp_path)
    assert list_images("two/[2-9].*") == [Path("two/2.png"), Path("two/3.jpg")]


def test_a_named_file_is_taken_whatever_its_name(tmp_path):
    path = save(tmp_path / "x.png").rename(tmp_path / "x.image")
    assert list_images(str(path)) == [path]


@pytest.mark.parametrize("source", ["", "absent.png", "*.png", "absent/"])
def test_nothing_found_is_refused(tmp_path, source, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EvaluationError, match="got no file"):
        list_images(source)


def test_two_files_of_one_name_are_refused(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "a.jpg")
    (tmp_path / "b").mkdir()
    (tmp_path / "a.jpg").rename(tmp_path / "b/a.jpg")
    for source in ([tmp_path / "a.png", tmp_path / "b/a.jpg"], f"{tmp_path}/**/*.*g"):
        with pytest.raises(EvaluationError, match="'a': their results would overwrite each other"):
            find_images(source)


def test_images_in_memory_are_named_by_their_place():
    pixels = np.random.default_rng(0).integers(0, 255, (40, 80, 3), dtype=np.uint8)
    sources = find_images([pixels, Image.fromarray(pixels[..., 0])])
    assert sources.count == 2
    assert sources.at_most(2)
    assert not sources.at_most(1)
    colour, grey = (read() for read in sources.reads)
    assert (colour.name, grey.name) == ("image-0", "image-1")
    np.testing.assert_array_equal(colour.pixels, pixels)
    np.testing.assert_array_equal(grey.pixels, np.repeat(pixels[..., :1], 3, axis=2))
    assert [read().name for read in find_images(pixels).reads] == ["image-0"]
    assert find_images([]).count == 0


def test_a_list_may_mix_files_folders_and_pixels(tmp_path):
    for name in ("one/1.png", "one/2.png", "3.png"):
        save(tmp_path / name, (80, 40))
    sources = find_images([tmp_path / "3.png", np.zeros((32, 32, 3), np.uint8), str(tmp_path / "one")])
    assert sources.count == 4
    assert [read().name for read in sources.reads] == ["3", "image-1", "1", "2"]


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 8, 3), np.float32),
        np.zeros((4, 8), np.uint8),
        np.zeros((2, 4, 8, 3), np.uint8),
        np.zeros((0, 8, 3), np.uint8),
    ],
)
def test_an_array_that_is_no_rgb_image_is_wrong_use(pixels):
    with pytest.raises(ValueError, match=r"image-0: expected RGB pixels \[h, w, 3\] uint8"):
        find_images(pixels)


def test_an_image_of_pillows_that_is_damaged_is_an_image_error(tmp_path):
    path = save(tmp_path / "a.png", (300, 200))
    path.write_bytes(path.read_bytes()[:60])
    with Image.open(path) as image, pytest.raises(ImageError, match="image-0"):
        next(find_images(image).reads)()


# Every way an image comes in: its pixels, as a source.
FORMS = {
    **{suffix: lambda image, path: (image.save(path), path)[1] for suffix in ("png", "jpg", "bmp", "webp", "tif")},
    "array": lambda image, _: np.asarray(image),
    "pillow": lambda image, _: image,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size_wh", [(31, 40), (40, 31), (1, 1), (8193, 40), (40, 8193)])
def test_a_size_that_validation_refuses_is_refused_in_every_format(tmp_path, form, size_wh):
    (read,) = find_images(FORMS[form](Image.new("RGB", size_wh), tmp_path / f"a.{form}")).reads
    with pytest.raises(ImageError, match=r"expected sides of .*8192 px, got {}x{}".format(*size_wh)):
        read()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size_wh", [(32, 32), (32, 8192), (8192, 32)])
def test_sizes_up_to_the_limits_are_read_in_every_format(tmp_path, form, size_wh):
    (read,) = find_images(FORMS[form](Image.new("RGB", size_wh), tmp_path / f"a.{form}")).reads
    assert read().size_wh == size_wh


def test_the_frames_of_a_run_are_held_to_the_sizes_of_its_own_contract(tmp_path):
    (read,) = find_images(save(tmp_path / "a.png", (60, 20)), side_px=(20, 120)).reads
    assert read().size_wh == (60, 20)
    (read,) = find_images(save(tmp_path / "a.png", (60, 19)), side_px=(20, 120)).reads
    with pytest.raises(ImageError, match=r"a\.png: .*expected sides of 20\.\.120 px, got 60x19\. Scale it up"):
        read()
