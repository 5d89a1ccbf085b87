"""Videos, cameras and network streams: their frames, numbered and upright. Needs the package ``av``.

A file is opened when its turn comes. A camera or stream is opened at once, so that an address that leads nowhere is
refused before a model is loaded.
"""

import re
import struct
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from kittidet.detect.images import ImageError, LoadedImage, Read
from kittidet.errors import EvaluationError
from kittidet.kitti.rgb import Pixels
from kittidet.masking import masked

VIDEO_SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v"})
_STREAM = re.compile(r"(rtsps?|rtmps?|https?|udp|tcp|srt)://.", re.IGNORECASE)
# Longest wait for a connection, and for the next bytes of one, seconds.
_TIMEOUT_S = (10.0, 10.0)


def is_live(source: str) -> bool:
    """Return whether a name is a camera's number, or the address of a stream, and no file."""
    return not Path(source).exists() and (source.isdecimal() or _STREAM.match(source) is not None)


def is_video_file(path: Path) -> bool:
    """Return whether a file is a video by its name."""
    return path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()


def video_frames(path: Path) -> Iterator[Read]:
    """Return one function per frame of a video file; damage is an ``ImageError`` of the frame that is not there.

    Raises:
        EvaluationError: if the reader is not installed.
    """
    av = _reader(str(path))
    return _frames(av, partial(av.open, str(path)), name=path.stem, file_name=path.name)


def live_frames(source: str) -> Iterator[Read]:
    """Return one function per frame of a camera or stream, which comes to an end when the stream does.

    Args:
        source: a camera's number, ``0`` for the first; or an address such as ``rtsp://host/path``.

    Raises:
        EvaluationError: if it cannot be opened, or the reader is not installed.
    """
    av = _reader(source)
    if source.isdecimal():
        address, settings = camera_address(int(source))
        name = f"camera{source}"
    else:
        address, settings = source, {}
        parts = urlsplit(source)
        name = re.sub(r"[^\w.-]", "_", Path(parts.path).stem or parts.hostname or "stream")
    try:
        container = av.open(address, timeout=_TIMEOUT_S, **settings)
    except (OSError, ValueError) as error:
        # An address may hold a password.
        shown = masked(address)
        kind, reason = "camera" if source.isdecimal() else "stream", getattr(error, "strerror", None) or error
        raise EvaluationError(
            f"{shown}: cannot open this {kind}: {reason}. "
            "Check that it is there, that nothing else uses it, and that this user may read it."
        ) from error
    return _frames(av, lambda: container, name=name, file_name=name)


def camera_address(number: int) -> tuple[str, dict[str, str]]:
    """Return what a camera of this machine is opened by: its address, and settings for ``av.open``.

    Raises:
        EvaluationError: on a system whose cameras have no numbers.
    """
    if sys.platform == "linux":
        return f"/dev/video{number}", {"format": "v4l2"}
    if sys.platform == "darwin":
        return str(number), {"format": "avfoundation"}
    raise EvaluationError(
        f"camera {number}: cameras are opened by number on Linux and macOS only. Give the address of a stream, such as "
        "rtsp://host/path, or a video file."
    )


def _reader(source: str) -> Any:
    try:
        import av  # noqa: PLC0415  an optional extra
    except ImportError as error:
        raise EvaluationError(
            f"{source}: reading a video needs the package av, which is not installed. Install it with "
            "pip install 'kittidet[video]', or cut the video into images first."
        ) from error
    return av


def _frames(av: Any, open_container: Any, *, name: str, file_name: str) -> Iterator[Read]:
    try:
        with open_container() as container:
            for number, frame in enumerate(container.decode(video=0)):
                yield partial(LoadedImage, f"{name}-{number:06d}", file_name, _upright(frame))
    except (av.FFmpegError, IndexError, ValueError) as error:
        message = f"the video ends early or is damaged: {error}"

        def fail() -> LoadedImage:
            raise ImageError(file_name, message)

        yield fail


def _upright(frame: Any) -> Pixels:
    """Return a frame's pixels ``[h, w, 3]`` turned and mirrored as its display matrix says.

    Raises:
        ValueError: if the matrix is no multiple of a quarter turn.
    """
    pixels: Pixels = frame.to_ndarray(format="rgb24")
    for item in frame.side_data:
        if item.type.name == "DISPLAYMATRIX":
            # x' = a x + c y, y' = b x + d y; 16.16 fixed point (FFmpeg, libavutil/display.h).
            a, b, _, c, d = struct.unpack_from("=5i", bytes(item))
            turned = a == d == 0 and b != 0 != c
            if not turned and not (b == c == 0 and a != 0 != d):
                raise ValueError(f"its display matrix [{a} {c}; {b} {d}] is no quarter turn")
            right, down = (c, b) if turned else (a, d)
            pixels = pixels.swapaxes(0, 1) if turned else pixels
            pixels = pixels[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1]
    return np.ascontiguousarray(pixels)
