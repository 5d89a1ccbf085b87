"""Drawn COCO data for the scoring tests."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def drawn_coco():
    """Return a function (frames, labels_seed, found_seed, noise) -> COCO ground truth and result rows."""

    def draw(frames=40, *, labels_seed=0, found_seed=1, noise=8.0, classes=("Car", "Pedestrian", "Tram"), crowds=0):
        rng, other = np.random.default_rng(labels_seed), np.random.default_rng(found_seed)
        annotations, rows = [], [np.empty((0, 7))]
        for image in range(frames):
            n = rng.integers(0, 6)
            # The last class has no ground truth.
            kinds = rng.integers(1, len(classes), n)
            boxes = np.concatenate([rng.uniform(0, 300, (n, 2)), rng.uniform(8, 150, (n, 2))], axis=1)
            for number, (box, kind) in enumerate(zip(boxes, kinds, strict=True)):
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": image,
                        "category_id": int(kind),
                        "bbox": box.tolist(),
                        "area": float(box[2] * box[3]),
                        "iscrowd": int(number < crowds),
                    }
                )
            extra = 3
            found = np.zeros((n + extra, 7))
            found[:, 0] = image
            found[:n, 1:5] = boxes
            found[n:, 1:5] = np.concatenate([other.uniform(0, 300, (extra, 2)), other.uniform(8, 150, (extra, 2))], 1)
            found[:, 1:3] += other.normal(0, noise, (n + extra, 2))
            found[:n, 5] = other.random(n)
            found[n:, 5] = other.random(extra) * 0.6
            found[:n, 6] = kinds
            found[n:, 6] = other.integers(1, len(classes) + 1, extra)
            rows.append(found)
        truth = {
            "images": [{"id": i, "frame_id": f"{i:06d}", "width": 500, "height": 500} for i in range(frames)],
            "annotations": annotations,
            "categories": [{"id": i, "name": name} for i, name in enumerate(classes, start=1)],
        }
        return truth, np.concatenate(rows)

    return draw
