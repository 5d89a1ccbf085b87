import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kittidet.classes import KITTI8
from kittidet.config import RecordsConfig, ReportConfig, RunConfig, SourceConfig
from kittidet.eval.coco import coco_metrics
from kittidet.eval.coco_format import coco_ground_truth, coco_results
from kittidet.frame import Detections, Frame
from kittidet.kitti.frames import load_frame
from kittidet.kitti.tree import KittiTree, open_tree
from kittidet.report.write import Report, write_report
from kittidet.synthetic import render_dataset


def detect(frame: Frame, rng: np.random.Generator) -> Detections:
    """What a fair detector finds: most objects, a little off, some under another name, and a few ghosts."""
    truth, ids = frame.labelled(KITTI8)
    kept = rng.random(len(truth)) < 0.85
    boxes = truth[kept] + rng.normal(0, 0.04, (kept.sum(), 4)) * np.tile(truth[kept][:, 2:] - truth[kept][:, :2], 2)
    ids = np.where(rng.random(kept.sum()) < 0.1, rng.integers(1, 9, kept.sum()), ids[kept])
    ghosts = rng.integers(0, 4)
    corner = rng.uniform((0, 150), (1100, 250), (ghosts, 2))
    boxes = np.concatenate([boxes, np.concatenate([corner, corner + rng.uniform(20, 110, (ghosts, 2))], axis=1)])
    boxes = np.concatenate([np.minimum(boxes[:, :2], boxes[:, 2:]), np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1)
    ids = np.concatenate([ids, rng.integers(1, 9, ghosts)])
    scores = np.concatenate([rng.beta(6, 2, kept.sum()), rng.beta(2, 5, ghosts)])
    order = np.argsort(-scores)
    return Detections(
        frame.frame_id, boxes[order].astype(np.float32), scores[order].astype(np.float32), ids[order].astype(np.int32)
    )


def write_run(folder: Path, tree: KittiTree) -> Path:
    """Lay out a finished run on every frame of a tree, as publishing does, with a detector drawn by lot."""
    rng = np.random.default_rng(3)
    frames = [load_frame(tree, i) for i in tree.frame_ids]
    detections = [detect(frame, rng) for frame in frames]
    scores = coco_metrics(frames, detections, KITTI8, engine="hotcoco")
    config = RunConfig(name=folder.name, source=SourceConfig(kind="synthetic"), records=RecordsConfig(classes="kitti8"))
    checkpoints = [
        {"step": 100 * k, "epoch": 5 * k, "ap": scores.ap * s, "ap50": scores.ap50 * s, "ap75": scores.ap75 * s}
        for k, s in ((1, 0.4), (2, 0.8), (3, 1.0), (4, 0.97))
    ]
    summary = {
        "name": folder.name,
        **{key: getattr(scores, key) for key in ("ap", "ap50", "ap75", "per_class_ap", "per_class_ap50")},
        "best_step": 300,
        "best_epoch": 15,
        "checkpoint": "weights/best",
        "checkpoints": checkpoints,
        "classes": list(KITTI8.names),
        "variant": "d0",
        "input_hw": [384, 1280],
        "n_train": 4 * len(frames),
        "n_val": len(frames),
        "n_set_aside": 0,
        "split": "random80",
        "leakage": {"shared_val_frames": len(frames) // 2, "share": 0.5},
        "anchor_coverage": 0.93,
        "counts": {
            "train": {name: 4 * n for name, n in scores.per_class_count.items()},
            "val": dict(scores.per_class_count),
        },
        "digests": {name: f"{i:x}" * 64 for i, name in enumerate(("data", "split", "training", "checkpoint"), start=1)},
    }
    folder.mkdir(parents=True)
    for name, value in (
        ("config.json", config.model_dump(mode="json")),
        ("summary.json", summary),
        ("ground_truth.json", coco_ground_truth(frames, KITTI8)),
        ("predictions.json", coco_results(frames, detections, KITTI8)),
    ):
        (folder / name).write_text(json.dumps(value))
    with (folder / "history.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["epoch", "step", "learning_rate", "loss", "cls_loss", "box_loss", "iou_loss", "seconds"])
        for epoch in range(1, 21):
            parts = (2.1 / epoch**0.6 + 0.1, 0.9 / epoch**0.5 + 0.05)
            rows.writerow([epoch, 20 * epoch, 0.04 * np.cos(np.pi * epoch / 42), sum(parts), *parts, 0.0, 3.2])
    return folder


@pytest.fixture(scope="session")
def synthetic_tree(tmp_path_factory) -> KittiTree:
    return open_tree(
        render_dataset(tmp_path_factory.mktemp("synthetic") / "kitti", frames=9, seed=11, zips=False, workers=1)
    )


@pytest.fixture(scope="session")
def finished_run(synthetic_tree, tmp_path_factory) -> Path:
    """A run folder that no test writes into; copy it to spoil it."""
    return write_run(tmp_path_factory.mktemp("runs") / "street", synthetic_tree)


@pytest.fixture(scope="session")
def written(finished_run, synthetic_tree, few_draws, tmp_path_factory) -> tuple[Report, Path]:
    """The report of the finished run with two pictures a group, and its run folder; nobody writes into it."""
    run = Path(shutil.copytree(finished_run, tmp_path_factory.mktemp("written") / "street"))
    return write_report(run, tree=synthetic_tree, config=ReportConfig(gallery_frames=2)), run
