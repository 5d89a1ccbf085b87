"""Labelled frames and detections by hand."""

from pathlib import Path

import numpy as np
import pytest

from kittidet.frame import Detections, Frame, KittiObject


@pytest.fixture
def make_frame():
    """Return a function (number, rows...) -> Frame; a row is (type, xyxy, what is not as usual)."""

    def make(number, *rows):
        objects = []
        for kind, xyxy, *more in rows:
            facts = {"occluded": 0, "truncated": 0.0, "z": 15.0} | (more[0] if more else {})
            objects.append(
                KittiObject(
                    kind, facts["truncated"], facts["occluded"], -10, xyxy, (-1, -1, -1), (0, 0, facts["z"]), -10
                )
            )
        return Frame(f"{number:06d}", Path(f"{number:06d}.png"), (1242, 375), tuple(objects))

    return make


@pytest.fixture
def make_found():
    """Return a function (number, rows...) -> Detections; a row is (class id, xyxy, score)."""

    def make(number, *rows):
        return Detections(
            f"{number:06d}",
            np.array([row[1] for row in rows], np.float32).reshape(-1, 4),
            np.array([row[2] for row in rows], np.float32),
            np.array([row[0] for row in rows], np.int32),
        )

    return make
