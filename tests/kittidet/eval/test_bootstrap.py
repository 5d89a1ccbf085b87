"""AP of weighted frames: COCO's AP where it can be computed by COCO, and draws that are what they claim."""

import numpy as np
import pytest

from kittidet.eval.bootstrap import all_class_ap, draw_weights, mean_ap
from kittidet.eval.coco import score_coco
from kittidet.eval.matches import match_detections


def repeated(truth, rows, weights):
    """The data set in which frame i is there weights[i] times, under new ids."""
    images, annotations, results = [], [], [np.empty((0, 7))]
    for image, weight in zip(truth["images"], weights, strict=True):
        for _ in range(weight):
            number = len(images)
            images.append({**image, "id": number})
            annotations += [
                {**item, "id": len(annotations) + k, "image_id": number}
                for k, item in enumerate([a for a in truth["annotations"] if a["image_id"] == image["id"]], start=1)
            ]
            copy = rows[rows[:, 0] == image["id"]].copy()
            copy[:, 0] = number
            results.append(copy)
    return {**truth, "images": images, "annotations": annotations}, np.concatenate(results)


@pytest.mark.parametrize("crowds", [0, 1])
@pytest.mark.parametrize("seed", range(4))
def test_weighting_a_frame_equals_repeating_it(synthetic_coco, seed, crowds):
    truth, rows = synthetic_coco(25, labels_seed=seed, crowds=crowds)
    weights = np.concatenate([np.ones((1, 25), int), draw_weights(25, resamples=2, seed=seed)])
    ap = all_class_ap(match_detections(truth, rows), weights)
    for draw, weight in enumerate(weights):
        expected = score_coco(*repeated(truth, rows, weight), engine="pycocotools")
        got = [None if np.isnan(v) else v for v in ap[:, draw].mean(axis=1)]
        assert got == [pytest.approx(v, abs=1e-12) for v in expected.per_class_ap.values()]
        assert mean_ap(ap.mean(axis=2))[draw] == pytest.approx(expected.ap, abs=1e-12)
        assert mean_ap(ap[:, :, 0])[draw] == pytest.approx(expected.ap50, abs=1e-12)


def test_nothing_detected_is_0_and_nothing_labelled_is_nan(synthetic_coco):
    truth, _ = synthetic_coco(5)
    ap = all_class_ap(match_detections(truth, np.empty((0, 7))), np.ones((1, 5), int))
    assert (ap[:2] == 0).all()
    assert np.isnan(ap[2]).all()
    assert np.isnan(mean_ap(ap[2:, :, 0])).all()


def test_a_draw_has_as_many_frames_as_there_are_and_follows_from_the_seed():
    weights = draw_weights(30, resamples=200, seed=1)
    assert weights.shape == (200, 30)
    assert (weights.sum(axis=1) == 30).all()
    assert weights.mean() == 1
    np.testing.assert_array_equal(weights, draw_weights(30, resamples=200, seed=1))
    assert (weights != draw_weights(30, resamples=200, seed=2)).any()
    # With replacement: a frame is left out of a draw with probability (1 - 1/30)**30 = .36.
    assert (weights == 0).mean() == pytest.approx(0.36, abs=0.02)


@pytest.mark.parametrize(("frames", "resamples"), [(0, 5), (5, 0)])
def test_nothing_to_draw_is_refused(frames, resamples):
    with pytest.raises(ValueError, match="expected frames and resamples"):
        draw_weights(frames, resamples=resamples, seed=0)
