"""KITTI AP held to the devkit's own output on 3,712 real frames."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kittidet.eval.kitti_protocol import kitti_ap
from kittidet.kitti.labels import parse_fields

KITTI = Path(__file__).parents[5] / "shared" / "kitti"


def order_free(labels, detections):
    scores = kitti_ap(labels, detections, order_free=True).order_free
    return [(*score.r40, *score.r11) for score in scores.values()]


@pytest.fixture(scope="module")
def real_set():
    if not (KITTI / "golden_2d_ap_train.json").is_file():
        pytest.skip("the KITTI label and detection archives are not beside the project")

    def read(name, with_score):
        with zipfile.ZipFile(KITTI / name) as archive:
            return {
                Path(member).stem: [
                    parse_fields(line, where=member, with_score=with_score)
                    for line in archive.read(member).decode().splitlines()
                ]
                for member in archive.namelist()
                if member.endswith(".txt")
            }

    golden = json.loads((KITTI / "golden_2d_ap_train.json").read_text())["sets"]["train"]
    return read("labels_train3712.zip", False), read("detections_train3712.zip", True), golden


def test_ap_of_real_detections_is_the_devkits(real_set):
    labels, detections, golden = real_set
    scores = kitti_ap(labels, detections, order_free=True)
    assert scores.n_frames == 3712
    for name, score in scores.official.items():
        expected = golden[name.lower()]
        np.testing.assert_allclose(score.r40, expected["AP_R40"], atol=0.0001, rtol=0)
        np.testing.assert_allclose(score.r11, expected["AP_R11"], atol=0.0001, rtol=0)
        np.testing.assert_allclose(np.stack(score.precision), expected["precision41"], atol=1e-6)
        # On this set the order-free rule stays within half a tenth of it.
        np.testing.assert_allclose(scores.order_free[name].r40, expected["AP_R40"], atol=0.05, rtol=0)
    assert all(value is None for pair in scores.order_free_differences().values() for ap in pair for value in ap)


def test_the_order_of_rows_changes_nothing_on_crowded_real_frames(real_set):
    labels, detections, _ = real_set
    rng = np.random.default_rng(3)

    def shuffled(table):
        return {name: [rows[i] for i in rng.permutation(len(rows))] for name, rows in reversed(table.items())}

    assert order_free(shuffled(labels), shuffled(detections)) == order_free(labels, detections)
