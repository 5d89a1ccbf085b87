"""Small KITTI trees to break, and the real frames where they are."""

import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

REAL = Path(__file__).parents[4] / "shared" / "kitti"
ROW = "Car 0.00 0 -0.20 10.00 10.00 30.00 30.00 1.89 0.48 1.20 1.84 1.47 8.41 0.01"


@pytest.fixture
def row() -> str:
    """A label line that is right in an image of 120x40."""
    return ROW


def encode_png(width: int, height: int, mode: str = "RGB") -> bytes:
    pixels = Image.fromarray(np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8))
    buffer = BytesIO()
    pixels.convert(mode).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def make_png() -> Callable[..., bytes]:
    """Encode a PNG of noise: make_png(width, height, mode="RGB")."""
    return encode_png


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    """The root of a right tree of four frames of 120x40 with one car each, in two drives."""
    root = tmp_path / "kitti"
    png = encode_png(120, 40)
    for k in range(4):
        for folder, suffix, data in (("image_2", ".png", png), ("label_2", ".txt", ROW.encode() + b"\n")):
            path = root / "training" / folder / f"{k:06d}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    mapping = root / "mapping"
    mapping.mkdir()
    (mapping / "train_rand.txt").write_text("4,3,2,1\n")
    (mapping / "train_mapping.txt").write_text(
        "".join(f"2011_09_26 2011_09_26_drive_{k // 2:04d}_sync {k:010d}\n" for k in range(4))
    )
    return root


def _real(name: str) -> Path:
    if not (REAL / name).exists():
        pytest.skip(f"the real KITTI files are not there: {REAL / name}")
    return REAL / name


@pytest.fixture
def real_mini() -> Path:
    """Eleven real frames."""
    return _real("mini")


@pytest.fixture
def real_csv() -> Callable[[str], Path]:
    """Path of one of the lists about the real data."""
    return _real


@pytest.fixture
def real_texts() -> Callable[[str], dict[str, str]]:
    """Read every text file of a zip of real files: real_texts("labels_train3712.zip")["000000"]."""

    def read(name: str) -> dict[str, str]:
        with zipfile.ZipFile(_real(name)) as archive:
            return {Path(member).stem: archive.read(member).decode() for member in archive.namelist()}

    return read
