"""Which training recipe learns most from the same few real images: arms side by side, cross-validated.

Every arm trains on the same folds from the same start weights with the same seeds; each frame is scored once, by the
network that has not seen it, and the scored frames of all folds make one COCO AP a seed. A difference is that of an arm
to the first one with equal seeds. Runs are kept in a folder: an interrupted race goes on where it stopped, and a second
race makes the new arms alone. `docs/recipe.md` reads the table.

    .venv/bin/python benchmarks/recipe_race.py --data DIR --work DIR [--arms base,refresh] [--seeds 3] [--jobs 2]
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean

import numpy as np
from rows import add_row

from kittidet.eval.coco import CocoMetrics, score_coco
from kittidet.eval.coco_format import rows_from_results
from kittidet.kitti.tree import open_tree
from kittidet.runs.run import Run

FOLDS = 3
# 168 steps: 4 an epoch of the 38 or 39 frames of two folds.
EVERY_ARM = (
    "source.kind=folder",
    "split.method=lists",
    "records.train_shards=2",
    "records.val_shards=1",
    "model.input_hw=[192, 640]",
    "model.anchor_scale=2.0",
    "train.initial_weights=starter",
    "train.batch_size=8",
    "train.epochs=42",
    # The last weights alone: the best of many by so few frames is luck.
    "train.evaluate_every_epochs=0",
    "train.checkpoint_every_epochs=42",
    "train.keep_checkpoints=1",
    "train.optimizer=adamw",
)
WIDE = ("train.augment.scale_min=0.4", "train.augment.scale_max=2.0", "train.augment.colour=0.4")
NARROW = ("train.augment.scale_min=0.8", "train.augment.scale_max=1.25")
ARMS = {
    "base": (),
    "refresh": ("train.batch_norm=refresh_then_freeze",),
    "bn_affine": ("train.batch_norm=affine",),
    "bn_train": ("train.batch_norm=train",),
    "rate_x2": ("train.learning_rate=0.008",),
    "rate_x4": ("train.learning_rate=0.016",),
    "refresh_x2": ("train.batch_norm=refresh_then_freeze", "train.learning_rate=0.008"),
    "refresh_x4": ("train.batch_norm=refresh_then_freeze", "train.learning_rate=0.016"),
    "train_x2": ("train.batch_norm=train", "train.learning_rate=0.008"),
    "train_x4": ("train.batch_norm=train", "train.learning_rate=0.016"),
    "refresh_wide": ("train.batch_norm=refresh_then_freeze", *WIDE),
    "narrow_x4": (*NARROW, "train.learning_rate=0.016"),
    "refresh_narrow_x4": ("train.batch_norm=refresh_then_freeze", *NARROW, "train.learning_rate=0.016"),
    "train_narrow_x4": ("train.batch_norm=train", *NARROW, "train.learning_rate=0.016"),
    "giou": ("train.iou_loss=giou", "train.iou_loss_weight=1"),
    "narrow_jitter": NARROW,
    "no_decay": ("train.weight_decay=0",),
}


def main() -> None:
    """Train what is not there yet, print the table, append a row to RESULTS.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True, help="a tree in KITTI's layout, such as 58 real frames")
    parser.add_argument("--work", type=Path, required=True, help="the folder of the runs; kept")
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time, a thread each")
    parser.add_argument("--folds", type=int, default=FOLDS, help="fewer than all three: a first look")
    given = parser.parse_args()
    arms, seeds = given.arms.split(","), range(given.seeds)
    given.work.mkdir(parents=True, exist_ok=True)
    frames = sorted(open_tree(given.data).frame_ids)
    jobs = [(arm, fold, seed) for seed in seeds for arm in arms for fold in range(given.folds)]
    with ThreadPoolExecutor(given.jobs) as pool:
        list(pool.map(lambda job: _train(given.data, given.work.absolute(), frames, *job), jobs))
    scores = {arm: [_score(given.work, arm, seed, given.folds) for seed in seeds] for arm in arms}
    said = [_line(arm, scores[arm], scores[arms[0]]) for arm in arms]
    print("\n".join(said))
    what = f"{len(frames)} real frames, {given.folds} of {FOLDS} folds, {given.seeds} seeds"
    add_row(f"recipe race: {what}, d0 640x192, batch 8, 168 steps", "; ".join(said))


def _train(data: Path, work: Path, frames: Sequence[str], arm: str, fold: int, seed: int) -> None:
    name = f"{arm}-{fold}-{seed}"
    if (work / "runs" / name / "summary.json").is_file():
        return
    lists = {"val": frames[fold::FOLDS], "train": [f for i, f in enumerate(frames) if i % FOLDS != fold]}
    for which, ids in lists.items():
        (work / f"{which}{fold}.txt").write_text("\n".join(ids) + "\n")
    own = (
        f"name={name}",
        f"store_dir={work / 'store'}",
        f"runs_dir={work / 'runs'}",
        f"split.train_list={work / f'train{fold}.txt'}",
        f"split.val_list={work / f'val{fold}.txt'}",
        f"train.seed={seed}",
    )
    command = [sys.executable, "-m", "kittidet", "run", "--data", str(data.absolute()), *EVERY_ARM, *own, *ARMS[arm]]
    one_thread = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    with (work / f"{name}.log").open("w") as log:
        subprocess.run(command, stdout=log, stderr=log, check=True, env=os.environ | one_thread)


def _score(work: Path, arm: str, seed: int, folds: int) -> CocoMetrics:
    truth, rows = None, []
    for fold in range(folds):
        run = Run.open(work / "runs" / f"{arm}-{fold}-{seed}")
        part = run.ground_truth
        truth = (
            part
            if truth is None
            else {
                **truth,
                "images": truth["images"] + part["images"],
                "annotations": truth["annotations"] + [a | {"id": 0} for a in part["annotations"]],
            }
        )
        path = run.path / "predictions.json"
        rows.append(rows_from_results(json.loads(path.read_text()), where=str(path)))
    assert truth is not None
    for number, annotation in enumerate(truth["annotations"], start=1):
        annotation["id"] = number
    return score_coco(truth, np.concatenate(rows), engine="pycocotools")


def _line(arm: str, scores: Sequence[CocoMetrics], first: Sequence[CocoMetrics]) -> str:
    ap, car = [s.ap or 0.0 for s in scores], [s.per_class_ap50["Car"] or 0.0 for s in scores]
    gains = [a - (f.ap or 0.0) for a, f in zip(ap, first, strict=True)]
    each = " ".join(f"{a:.3f}/{c:.2f}" for a, c in zip(ap, car, strict=True))
    return f"{arm}: AP {mean(ap):.4f} ({mean(gains):+.4f}), Car AP50 {mean(car):.3f} (each {each})"


if __name__ == "__main__":
    main()
