"""Which pictures a name stands for, and how they are read."""

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kittidet.detect.images import ImageError, find_images, list_images, read_image
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
    with pytest.raises(EvaluationError, match="'a': their results would overwrite each other"):
        list_images(str(tmp_path))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "CMYK"])
def test_any_mode_reads_as_rgb(tmp_path, mode):
    picture = read_image(save(tmp_path / "a.tif", mode=mode))
    assert picture.pixels.shape == (4, 8, 3)
    assert picture.pixels.dtype == np.uint8
    assert picture.size_wh == (8, 4)
    assert picture.name == "a"


def test_a_picture_taken_sideways_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    Image.new("RGB", (8, 4)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").size_wh == (4, 8)


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_damage_is_a_picture_error_with_a_reason(tmp_path, content):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"a\.png: cannot read the picture: .") as caught:
        read_image(path)
    assert caught.value.name == str(path)


def test_a_cut_picture_is_not_read_half(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ImageError):
        read_image(path)


def test_a_video_without_a_reader_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "drive.mp4").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(EvaluationError, match=r"pip install 'kittidet\[video\]'"):
        find_images(str(tmp_path / "drive.mp4"))


def test_a_video_is_read_frame_by_frame(tmp_path):
    av = pytest.importorskip("av", reason="the optional extra `video` is not installed")
    path = tmp_path / "drive.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        for level in (10, 120, 240):
            frame = av.VideoFrame.from_ndarray(np.full((32, 64, 3), level, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    sources = find_images(str(path))
    assert sources.count is None
    pictures = [read() for read in sources.read_each()]
    assert [p.name for p in pictures] == ["drive-000000", "drive-000001", "drive-000002"]
    np.testing.assert_allclose([p.pixels.mean() for p in pictures], [10, 120, 240], atol=12)


def test_a_damaged_video_is_a_picture_error(tmp_path):
    pytest.importorskip("av", reason="the optional extra `video` is not installed")
    (tmp_path / "drive.mp4").write_bytes(b"not a video")
    (read,) = find_images(str(tmp_path / "drive.mp4")).read_each()
    with pytest.raises(ImageError, match="damaged"):
        read()
