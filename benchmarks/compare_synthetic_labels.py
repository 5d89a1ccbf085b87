"""Print how drawn labels compare with KITTI's published ones: the table of docs/synthetic-data.md.

    python benchmarks/compare_synthetic_labels.py 600 7 ../shared/kitti/labels_train3712.zip

The zip holds real label files as ``training/label_2/NNNNNN.txt``.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from zipfile import ZipFile

import numpy as np

from kittidet.classes import DONT_CARE, KITTI_TYPES
from kittidet.frame import KittiObject
from kittidet.kitti.labels import parse_label_line
from kittidet.synthetic.plan import plan_set
from kittidet.synthetic.render import label_frame

QUANTILES = (5, 25, 50, 75, 95)


def drawn_labels(job: tuple[int, int, int]) -> tuple[KittiObject, ...]:
    """Return the labels of one image, given (frames, seed, image)."""
    frames, seed, image = job
    return label_frame(*plan_set(frames, seed).locate(image))


def real_labels(path: Path) -> list[tuple[KittiObject, ...]]:
    """Return the labels of every file in the zip."""
    with ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".txt")]
        texts = [(name, archive.read(name).decode().splitlines()) for name in names]
    return [tuple(parse_label_line(line, where=name) for line in lines) for name, lines in texts]


def summary(frames: list[tuple[KittiObject, ...]], kind: str) -> list[str]:
    """Return the cells of one row of the table."""
    found = [label for labels in frames for label in labels if label.type == kind]
    boxes = np.array([label.xyxy for label in found]).reshape(-1, 4)
    heights, widths = boxes[:, 3] - boxes[:, 1], boxes[:, 2] - boxes[:, 0]
    present = np.mean([any(label.type == kind for label in labels) for labels in frames])
    cells = [f"{len(found) / len(frames):.2f}", f"{present:.0%}"]
    cells.append(" ".join(f"{v:.0f}" for v in np.percentile(heights, QUANTILES)))
    cells.append(f"{np.median(widths / heights):.2f}")
    if kind == DONT_CARE:
        return [*cells, "", "", ""]
    states = " ".join(f"{np.mean([label.occluded == state for label in found]):.0%}" for state in range(4))
    cut = np.mean([label.truncated > 0 for label in found])
    depths = np.percentile([label.location_xyz[2] for label in found], QUANTILES)
    return [*cells, states, f"{cut:.0%}", " ".join(f"{v:.0f}" for v in depths)]


def main() -> None:
    """Print the table."""
    frames, seed, real = int(sys.argv[1]), int(sys.argv[2]), real_labels(Path(sys.argv[3]))
    order = plan_set(frames, seed).order
    jobs = [(frames, seed, image) for image in sorted(range(frames), key=lambda image: order[image])]
    with ProcessPoolExecutor() as pool:
        drawn = list(pool.map(drawn_labels, jobs, chunksize=16))
    print("| class | | per frame | frames with | height px | width/height | occluded 0 1 2 3 | truncated | depth m |")
    print("|---|---|---|---|---|---|---|---|---|")
    for kind in (*KITTI_TYPES, DONT_CARE):
        print(f"| {kind} | KITTI | {' | '.join(summary(real, kind))} |")
        print(f"| | drawn | {' | '.join(summary(drawn, kind))} |")


if __name__ == "__main__":
    main()
