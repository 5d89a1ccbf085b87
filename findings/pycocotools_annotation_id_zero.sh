#!/usr/bin/env bash
# pycocotools scores a perfect detection as a false positive when its annotation has id 0.
#
# Packages: pycocotools 2.0.11, hotcoco 1.3.0, numpy 2.4.6.
#
# Expected: an annotation's id is a name. Numbering the same boxes from 0 or from 1 must give
# the same AP, and two evaluators of the COCO protocol must agree on it.
#
# What happens: pycocotools keeps "which annotation did this detection match" in an array of
# zeros and writes the annotation's id into it. Id 0 written there looks like nothing written,
# so the detection counts as a false positive and the object as missed. No warning is given.
# hotcoco gives the right AP for either numbering.
#
# Why it matters: `enumerate(boxes)` is the usual way to number labels when a data set is
# converted, and it starts at 0. On a large set the loss hides in the noise; on a small
# validation set, or for a rare class, it is several points, larger the better the detector
# ranks that object. Two people with the same predictions then report two numbers.
#
# Seen: twenty objects, each found exactly. Numbered from 1, both engines say 1.000. Numbered
# from 0, hotcoco still says 1.000; pycocotools says 0.894 if the object with id 0 has the
# surest detection and 0.941 if it has the least sure one.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq 'pycocotools==2.0.11' 'hotcoco==1.3.0' 'numpy==2.4.6' ||
    { echo "Not tried: the pinned packages could not be installed." >&2; exit 2; }

cd "$folder"
env/bin/python - <<'PYTHON'
import contextlib
import io
import json
import sys

import hotcoco
from pycocotools import coco as pycoco
from pycocotools import cocoeval as pycocoeval

OBJECTS = 20  # one per image, each found exactly


def box(index: int) -> list[float]:
    return [10.0 + index, 20.0, 60.0, 40.0]


def average_precision(engine, first_id: int, first_is_surest: bool) -> float:
    """AP of exact detections when annotations are numbered from `first_id`."""
    annotations = [
        {"id": first_id + i, "image_id": i + 1, "category_id": 1, "bbox": box(i), "area": 2400.0, "iscrowd": 0}
        for i in range(OBJECTS)
    ]
    images = [{"id": i + 1, "width": 200, "height": 100} for i in range(OBJECTS)]
    rank = (lambda i: -i) if first_is_surest else (lambda i: i)
    detections = [
        {"image_id": i + 1, "category_id": 1, "bbox": box(i), "score": 0.5 + 0.01 * rank(i)} for i in range(OBJECTS)
    ]
    with open("truth.json", "w") as file:
        json.dump({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "car"}]}, file)
    with open("found.json", "w") as file:
        json.dump(detections, file)

    load, evaluator = engine
    with contextlib.redirect_stdout(io.StringIO()):
        truth = load("truth.json")
        evaluation = evaluator(truth, truth.loadRes("found.json"), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return float(evaluation.stats[0])


engines = {
    "pycocotools": (pycoco.COCO, pycocoeval.COCOeval),
    "hotcoco": (hotcoco.COCO, hotcoco.COCOeval),
}
ap = {}
for name, engine in engines.items():
    for first_id in (1, 0):
        for surest in (True, False):
            ap[name, first_id, surest] = average_precision(engine, first_id, surest)
            place = "surest" if surest else "least sure"
            print(f"{name:12s} ids from {first_id}, first object the {place:10s}: AP {ap[name, first_id, surest]:.3f}")

exact = [value for (name, first_id, _), value in ap.items() if name == "hotcoco" or first_id == 1]
if any(abs(value - 1.0) > 1e-6 for value in exact):
    sys.exit("Changed: exact detections no longer give AP 1 where the numbering should be harmless.")
if not ap["pycocotools", 0, True] < ap["pycocotools", 0, False] < 0.999:
    sys.exit("Changed: pycocotools no longer loses the object whose annotation has id 0.")
PYTHON
echo "As described: one id 0 among twenty costs pycocotools AP on exact detections, hotcoco none."
