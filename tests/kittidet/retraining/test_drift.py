"""kittidet.retraining.drift: other data is seen, the same data drawn again is not."""

import numpy as np
import pytest

from kittidet.retraining.drift import MIN_FRAMES, has_drifted, measure_drift
from kittidet.retraining.profile import FrameFacts

KITTI_SIZES = ((1242, 375), (1224, 370), (1238, 374))
WHAT = ["class mix", "box height", "brightness", "image size"]


def frames(rng, n: int, *, mix=(0.7, 0.1, 0.2), log_height=3.6, brightness=95.0, sizes=KITTI_SIZES):
    """Frames whose objects resemble each other, as those of one street do."""
    found = []
    for _ in range(n):
        count = rng.poisson(4)
        kinds = rng.choice(3, count, p=rng.dirichlet(6 * np.array(mix)))
        heights = np.exp(rng.normal(log_height + rng.normal(0, 0.3), 0.6, count))
        size = sizes[rng.integers(len(sizes))]
        names = tuple(("Car", "Van", "Pedestrian")[k] for k in kinds)
        found.append(FrameFacts(size, float(rng.normal(brightness, 15)), names, tuple(heights.tolist())))
    return found


def verdicts(old, new) -> dict[str, str]:
    return {drift.what: drift.verdict for drift in measure_drift(old, new)}


@pytest.mark.parametrize("n_new", [15, 60])
def test_new_frames_of_the_same_roads_raise_no_alarm(n_new):
    rng = np.random.default_rng(0)
    alarms = [has_drifted(measure_drift(frames(rng, 150), frames(rng, n_new), seed=k)) for k in range(20)]
    assert sum(alarms) <= 1


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"mix": (0.2, 0.1, 0.7)}, "class mix"),
        ({"log_height": 4.6}, "box height"),
        ({"brightness": 60.0}, "brightness"),
        ({"sizes": ((1920, 1080),)}, "image size"),
        ({"sizes": ((640, 192),)}, "image size"),
    ],
)
def test_each_kind_of_drift_is_seen_and_named(change, what):
    rng = np.random.default_rng(1)
    drifts = measure_drift(frames(rng, 200), frames(rng, 80, **change))
    assert [drift.what for drift in drifts] == WHAT
    assert {drift.what for drift in drifts if "drift" in drift.verdict and drift.verdict != "no drift"} == {what}
    assert has_drifted(drifts)
    found = drifts[WHAT.index(what)]
    assert 0.1 < found.low <= found.psi <= found.high


def test_one_camera_after_another_of_one_size_each_is_drift():
    rng = np.random.default_rng(2)
    old, larger = (frames(rng, 50, sizes=(size,)) for size in ((1242, 375), (1243, 376)))
    assert verdicts(old, larger)["image size"] == "strong drift"
    assert verdicts(old, frames(rng, 50, sizes=((1242, 375),)))["image size"] == "no drift"


def test_a_class_that_was_never_seen_is_drift():
    rng = np.random.default_rng(3)
    old = frames(rng, 100, mix=(0.999, 0.0005, 0.0005))
    assert verdicts(old, frames(rng, 60, mix=(0.6, 0.2, 0.2)))["class mix"] == "strong drift"


def test_few_frames_and_empty_frames_are_no_trouble():
    rng = np.random.default_rng(4)
    assert measure_drift(frames(rng, 100), frames(rng, MIN_FRAMES - 1)) == ()
    assert not has_drifted(())
    empty = [FrameFacts((1242, 375), 90.0 + k, (), ()) for k in range(20)]
    drifts = measure_drift(empty, empty)
    assert not has_drifted(drifts)
    assert drifts[0].old == "no object"
    assert drifts[0].to_json()["what"] == "class mix"
