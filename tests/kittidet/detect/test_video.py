"""Frames of videos, cameras and streams: numbered, upright, and refused early where there are none."""

import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from kittidet.detect import video
from kittidet.detect.images import ImageError
from kittidet.detect.sources import find_images
from kittidet.errors import EvaluationError


def test_a_video_without_a_reader_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "drive.mp4").write_bytes(b"x")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(EvaluationError, match=r"pip install 'kittidet\[video\]'"):
        find_images(str(tmp_path / "drive.mp4"))


def test_a_video_is_read_frame_by_frame(tmp_path):
    path = write_levels(tmp_path / "drive.mp4")
    sources = find_images(str(path))
    assert sources.count is None
    images = [read() for read in sources.reads]
    assert [image.name for image in images] == ["drive-000000", "drive-000001", "drive-000002"]
    np.testing.assert_allclose([image.pixels.mean() for image in images], [10, 120, 240], atol=12)


def test_a_damaged_video_is_an_image_error(tmp_path):
    pytest.importorskip("av", reason="the optional extra `video` is not installed")
    (tmp_path / "drive.mp4").write_bytes(b"not a video")
    (read,) = find_images(str(tmp_path / "drive.mp4")).reads
    with pytest.raises(ImageError, match="damaged"):
        read()


QUARTER, ONE = 1 << 16, 1 << 30
# Display matrix (a, b, c, d): what it does to pixels [h, w].
TURNS = {
    "left as it is": ((QUARTER, 0, 0, QUARTER), lambda x: x),
    "a quarter clockwise": ((0, QUARTER, -QUARTER, 0), lambda x: np.rot90(x, -1)),
    "upside down": ((-QUARTER, 0, 0, -QUARTER), lambda x: np.rot90(x, 2)),
    "a quarter counter-clockwise": ((0, -QUARTER, QUARTER, 0), np.rot90),
    "mirrored": ((-QUARTER, 0, 0, QUARTER), lambda x: x[:, ::-1]),
}


def write_video(path, matrix):
    av = pytest.importorskip("av", reason="the optional extra `video` is not installed")
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[:16, :32] = 240
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    content = bytearray(path.read_bytes())
    a, b, c, d = matrix
    # The matrix of the track header box, version 0: 40 bytes after its name's end.
    struct.pack_into(">9i", content, content.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, ONE)
    path.write_bytes(content)
    return pixels


@pytest.mark.parametrize(("matrix", "turn"), TURNS.values(), ids=TURNS.keys())
def test_video_frames_are_turned_as_the_camera_was_held(tmp_path, matrix, turn):
    expected = turn(write_video(tmp_path / "drive.mp4", matrix))
    (read,) = find_images(tmp_path / "drive.mp4").reads
    pixels = read().pixels
    assert pixels.shape == expected.shape
    assert pixels.flags.c_contiguous
    assert np.abs(pixels.astype(int) - expected).mean() < 8


def test_a_video_turned_by_less_than_a_quarter_is_refused(tmp_path):
    write_video(tmp_path / "drive.mp4", (46341, 46341, -46341, 46341))
    (read,) = find_images(tmp_path / "drive.mp4").reads
    with pytest.raises(ImageError, match="no quarter turn"):
        read()


def write_levels(path, levels=(10, 120, 240)):
    av = pytest.importorskip("av", reason="the optional extra `video` is not installed")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        for level in levels:
            frame = av.VideoFrame.from_ndarray(np.full((32, 64, 3), level, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_a_stream_is_read_from_its_address_and_its_frames_are_numbered(site, tmp_path):
    site.files["yard cam.mkv"] = write_levels(tmp_path / "v.mkv").read_bytes()
    site.files["yard%20cam.mkv"] = site.files["yard cam.mkv"]
    sources = find_images(f"{site.url}yard%20cam.mkv")
    assert (sources.count, sources.live) == (None, True)
    images = [read() for read in sources.reads]
    assert [image.name for image in images] == [f"yard_20cam-{n:06d}" for n in range(3)]
    np.testing.assert_allclose([image.pixels.mean() for image in images], [10, 120, 240], atol=12)


def test_a_number_is_a_camera_unless_a_file_has_that_name(tmp_path, monkeypatch):
    path = write_levels(tmp_path / "v.mp4")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(video, "camera_address", lambda number: (str(path), {}))
    assert [read().name for read in find_images("0").reads] == ["camera0-000000", "camera0-000001", "camera0-000002"]
    Path("0").mkdir()
    with pytest.raises(EvaluationError, match="expected an image"):
        find_images("0")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/yard.mp4", "rtsp://user:secret@127.0.0.1:9/yard"])
def test_a_stream_that_is_not_there_is_refused_at_once_without_its_password(address):
    pytest.importorskip("av", reason="the optional extra `video` is not installed")
    with pytest.raises(EvaluationError, match="cannot open this stream") as error:
        find_images(address)
    assert "secret" not in str(error.value)


def test_a_camera_that_is_not_there_is_refused_at_once():
    pytest.importorskip("av", reason="the optional extra `video` is not installed")
    with pytest.raises(EvaluationError, match=r"camera"):
        find_images("987")


@pytest.mark.parametrize(
    ("platform", "address"), [("linux", ("/dev/video1", "v4l2")), ("darwin", ("1", "avfoundation")), ("win32", None)]
)
def test_cameras_have_the_addresses_of_their_system(monkeypatch, platform, address):
    monkeypatch.setattr(sys, "platform", platform)
    if address is None:
        with pytest.raises(EvaluationError, match="stream"):
            video.camera_address(1)
    else:
        assert video.camera_address(1) == (address[0], {"format": address[1]})
