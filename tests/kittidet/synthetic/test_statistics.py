from collections import Counter

import numpy as np
import pytest

from kittidet.synthetic.plan import plan_set
from kittidet.synthetic.render import label_frame

# Objects per frame in KITTI's 7,481 training frames.
PUBLISHED = {
    "Car": 3.84,
    "DontCare": 1.51,
    "Pedestrainn": 0.60,
    "Van": 0.39,
    "Cyclist": 0.22,
    "Truck": 0.146,
    "Misc": 0.13,
    "Tram": 0.068,
    "Person_sitting": 0.030,
}


@pytest.mark.slow
def test_labels_come_at_the_published_rates_and_sizes():
    plan = plan_set(400, 21)
    labels = [label for image in np.argsort(plan.order) for label in label_frame(*plan.locate(int(image)))]
    counts = Counter(label.type for label in labels)
    for kind, rate in PUBLISHED.items():
        factor = 1.6 if kind in ("Car", "DontCare") else 2.5
        assert rate / factor < counts[kind] / 400 < rate * factor, (kind, counts[kind] / 400)
    cars = [label for label in labels if label.type == "Car"]
    heights = np.percentile([label.xyxy[3] - label.xyxy[1] for label in cars], (5, 50, 95))
    # Published labels of 3,712 frames: 19, 44 and 178 pixels.
    assert 12 < heights[0] < 27
    assert 33 < heights[1] < 58
    assert 120 < heights[2] < 240
    occluded = np.mean([label.occluded > 0 for label in cars])
    assert 0.3 < occluded < 0.7
    assert 0.05 < np.mean([label.truncated > 0 for label in cars]) < 0.2
