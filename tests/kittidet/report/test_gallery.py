from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kittidet.classes import KITTI8
from kittidet.errors import DatasetContractError
from kittidet.eval.diagnosis import FrameCounts
from kittidet.frame import Detections, Frame, KittiObject
from kittidet.report.gallery import choose_frames, draw_pair, jpeg_bytes

CAR = (10.0, 10.0, 50.0, 40.0)


def frame(*rows: tuple[str, tuple[float, float, float, float]], path: Path = Path("x.png")) -> Frame:
    objects = tuple(KittiObject(kind, 0, 0, 0, xyxy, (1, 1, 1), (0, 0, 9), 0) for kind, xyxy in rows)
    return Frame("7", path, (300, 100), objects)


def found(*rows: tuple[tuple[float, float, float, float], float, int]) -> Detections:
    return Detections(
        "7",
        np.array([r[0] for r in rows], np.float32).reshape(-1, 4),
        np.array([r[1] for r in rows], np.float32),
        np.array([r[2] for r in rows], np.int32),
    )


def test_best_and_worst_are_by_f1_and_no_frame_is_shown_twice():
    scores = [FrameCounts(str(i), i, 5 - i, 0) for i in range(6)] + [FrameCounts("empty", 0, 0, 0)]
    chosen = choose_frames(scores, each=2, seed=1)
    assert [s.frame_id for s in chosen["best"]] == ["5", "4"]
    assert [s.frame_id for s in chosen["worst"]] == ["0", "1"]
    shown = [s.frame_id for group in chosen.values() for s in group]
    assert len(shown) == len(set(shown)) == 6
    assert choose_frames(scores, each=2, seed=1) == chosen
    assert choose_frames([], each=2, seed=1) == {"best": [], "worst": [], "random": []}


def test_a_pair_is_drawn_at_the_size_of_the_frame(tmp_path):
    Image.new("RGB", (300, 100)).save(tmp_path / "x.png")
    picture = draw_pair(frame(("Car", CAR), path=tmp_path / "x.png"), found((CAR, 0.9, 1)), KITTI8, min_score=0.3)
    assert picture.size == (300, 100)
    assert jpeg_bytes(picture, quality=80).startswith(b"\xff\xd8\xff")


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "x.png").write_bytes(b"no picture")
    with pytest.raises(DatasetContractError, match=r"x\.png"):
        draw_pair(frame(path=tmp_path / "x.png"), found(), KITTI8, min_score=0.3)
