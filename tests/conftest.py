"""What many tests share: one drawn KITTI set, made once a session."""

from pathlib import Path

import pytest

from kittidet.kitti.synth import draw_dataset

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session")
def drawn_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a drawn tree of 10 frames with its zips; read only, copy before you change it."""
    return draw_dataset(tmp_path_factory.mktemp("drawn") / "kitti", frames=10, seed=3, zips=True)


@pytest.fixture(scope="session")
def kitti_mini() -> Path:
    """The 11 real KITTI frames; skips where they are absent."""
    root = SHARED / "kitti" / "mini"
    if not root.is_dir():
        pytest.skip(f"the real frames are not here: {root}")
    return root
