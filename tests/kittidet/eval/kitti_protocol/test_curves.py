"""Where recall is sampled."""

import numpy as np
import pytest

from kittidet.eval.kitti_protocol.curves import _pick_thresholds


@pytest.mark.parametrize("once_each", [False, True])
def test_without_hits_there_is_no_threshold(once_each):
    assert _pick_thresholds(np.empty(0), 5, once_each=once_each).size == 0


@pytest.mark.parametrize("objects", [41, 43, 50, 59, 100, 1000])
@pytest.mark.parametrize("share", [0.01, 0.3, 0.77, 1.0])
def test_from_41_objects_on_the_devkits_rule_is_the_only_one(objects, share):
    scores = np.random.default_rng(objects).random(max(1, int(share * objects)))
    ours, devkit = (_pick_thresholds(scores, objects, once_each=flag) for flag in (False, True))
    np.testing.assert_array_equal(ours, devkit)
    assert len(ours) <= 41
    assert (np.diff(ours) <= 0).all()


def test_a_thousand_hits_of_a_thousand_objects_give_41_thresholds_a_fortieth_apart():
    scores = np.linspace(1, 0.001, 1000)
    picked = _pick_thresholds(scores, 1000, once_each=True)
    np.testing.assert_allclose(np.searchsorted(-scores, -picked) + 1, [1, *range(25, 1001, 25)], atol=1)


@pytest.mark.parametrize(("hits", "reached"), [(1, 11), (2, 21), (4, 41)])
def test_with_four_objects_each_recall_up_to_the_last_is_sampled(hits, reached):
    assert len(_pick_thresholds(np.linspace(0.9, 0.5, hits), 4, once_each=False)) == reached
    assert len(_pick_thresholds(np.linspace(0.9, 0.5, hits), 4, once_each=True)) == hits
