from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kittidet.classes import KITTI8
from kittidet.errors import DatasetContractError
from kittidet.frame import Detections, Frame, KittiObject
from kittidet.report.gallery import FrameScore, choose_frames, draw_pair, jpeg_bytes, score_frame

CAR, DONT_CARE = (10.0, 10.0, 50.0, 40.0), (100.0, 10.0, 200.0, 60.0)


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


CASES = {
    "nothing at all": (frame(), found(), (0, 0, 0)),
    "found": (frame(("Car", CAR)), found((CAR, 0.9, 1)), (1, 0, 0)),
    "below the score": (frame(("Car", CAR)), found((CAR, 0.2, 1)), (0, 1, 0)),
    "another class": (frame(("Car", CAR)), found((CAR, 0.9, 2)), (0, 1, 1)),
    "found twice": (frame(("Car", CAR)), found((CAR, 0.9, 1), (CAR, 0.8, 1)), (1, 0, 1)),
    "inside DontCare": (frame(("DontCare", DONT_CARE)), found(((110, 20, 150, 50), 0.9, 1)), (0, 0, 0)),
    "elsewhere": (frame(("Car", CAR)), found(((200, 10, 250, 40), 0.9, 1)), (0, 1, 1)),
}


@pytest.mark.parametrize(("shown", "detections", "expected"), CASES.values(), ids=CASES.keys())
def test_a_frame_is_scored_by_what_a_person_would_count(shown, detections, expected):
    score = score_frame(shown, detections, KITTI8, min_score=0.3)
    assert (score.found, score.missed, score.extra) == expected


def test_best_and_worst_are_by_f1_and_no_frame_is_shown_twice():
    scores = [FrameScore(str(i), i, 5 - i, 0) for i in range(6)] + [FrameScore("empty", 0, 0, 0)]
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
