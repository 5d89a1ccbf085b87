"""Seconds of scoring and images per second of predicting, each against a peer in the same run.

COCO: 1,496 frames with 100 detections each, drawn; hotcoco against pycocotools, both from `Frame` and `Detections` to
the finished numbers. Bar: at most 0.05 of pycocotools' time.
KITTI: the official protocol on 3,712 frames with 25,466 detections (the real ones where they lie beside the project,
else drawn ones), reading of the files not counted, on one core. Bar: below 10 s.
Predict: records to detections in original pixels at batch 8, decoding, letterbox and suppression included, against the
bare forward pass on one batch that is already there. Bar: at least 0.8 of its images per second.

    .venv/bin/python benchmarks/bench_eval.py [--frames N] [--variant d0] [--repeat N] [--only coco|kitti|predict]
"""

import argparse
import os
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rows import add_row

from kittidet.classes import KITTI8
from kittidet.config import CompareConfig, EvalConfig, ModelConfig
from kittidet.eval.bootstrap import all_class_ap, draw_weights
from kittidet.eval.coco import coco_metrics
from kittidet.eval.coco_format import coco_ground_truth, result_rows
from kittidet.eval.kitti_protocol import kitti_ap
from kittidet.eval.matches import match_detections
from kittidet.frame import Detections, Frame, KittiObject
from kittidet.kitti.labels import parse_fields

ROOT = Path(__file__).parents[1]
KITTI = ROOT.parent / "shared" / "kitti"
SIZE_WH = (1242, 375)


def draw_scored_frames(count: int, per_frame: int) -> tuple[list[Frame], list[Detections]]:
    """Return drawn labels (about 5 a frame) and detections, most of them near nothing, as before a score cut."""
    rng = np.random.default_rng(0)
    frames, found = [], []
    for number in range(count):
        n = int(rng.integers(0, 12))
        low = rng.uniform((0, 0), (1100, 300), (n, 2))
        boxes = np.concatenate([low, low + rng.uniform(10, 140, (n, 2))], axis=1)
        kinds = rng.integers(1, len(KITTI8) + 1, n)
        objects = tuple(
            KittiObject(KITTI8.name_of(int(k)), 0, 0, -10, tuple(b), (-1, -1, -1), (0, 0, 20), -10)
            for k, b in zip(kinds, boxes.tolist(), strict=True)
        )
        name = f"{number:06d}"
        frames.append(Frame(name, Path(f"{name}.png"), SIZE_WH, objects))
        low = rng.uniform((0, 0), (1100, 300), (per_frame, 2))
        guesses = np.concatenate([low, low + rng.uniform(10, 140, (per_frame, 2))], axis=1)
        guesses[:n] = boxes + rng.normal(0, 4, (n, 4))
        ids = rng.integers(1, len(KITTI8) + 1, per_frame)
        ids[:n] = kinds
        scores = rng.random(per_frame) * 0.5
        scores[:n] = rng.random(n)
        order = np.argsort(-scores)
        guesses = np.sort(guesses.reshape(-1, 2, 2), axis=1).reshape(-1, 4)
        found.append(
            Detections(
                name, guesses[order].astype(np.float32), scores[order].astype(np.float32), ids[order].astype(np.int32)
            )
        )
    return frames, found


def read_kitti_rows() -> tuple[dict[str, list[KittiObject]], dict[str, list[KittiObject]], str]:
    """Return labels and detections of 3,712 frames, and where they come from."""
    if not (KITTI / "labels_train3712.zip").is_file():
        frames, found = draw_scored_frames(3712, 7)
        rows = {
            d.frame_id: [
                KittiObject(KITTI8.name_of(int(k)), -1, -1, -10, tuple(b), (-1, -1, -1), (-1000,) * 3, -10, float(s))
                for b, s, k in zip(d.xyxy.tolist(), d.scores, d.class_ids, strict=True)
            ]
            for d in found
        }
        return {f.frame_id: list(f.objects) for f in frames}, rows, "synthetic"

    def read(name: str, *, with_score: bool) -> dict[str, list[KittiObject]]:
        with zipfile.ZipFile(KITTI / name) as archive:
            return {
                Path(member).stem: [
                    parse_fields(line, where=member, with_score=with_score)
                    for line in archive.read(member).decode().splitlines()
                ]
                for member in archive.namelist()
                if member.endswith(".txt")
            }

    return read("labels_train3712.zip", with_score=False), read("detections_train3712.zip", with_score=True), "real"


def best_of(repeat: int, work: Callable[[], object]) -> float:
    """Return the shortest of some runs, seconds."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def measure_coco(repeat: int) -> str:
    """Return what scoring costs with both engines, and what a thousand bootstrap draws cost."""
    frames, found = draw_scored_frames(1496, 100)
    slow = best_of(1, lambda: coco_metrics(frames, found, KITTI8, engine="pycocotools"))
    fast = best_of(repeat, lambda: coco_metrics(frames, found, KITTI8, engine="hotcoco"))
    truth = coco_ground_truth(frames, KITTI8)
    ids = {image["frame_id"]: image["id"] for image in truth["images"]}
    matches = match_detections(truth, result_rows(found, ids, KITTI8))
    weights = draw_weights(len(frames), resamples=100, seed=0)
    draws = 10 * best_of(1, lambda: all_class_ap(matches, weights))
    return (
        f"pycocotools {slow:.2f} s (1.0x), hotcoco {fast:.2f} s ({fast / slow:.3f}x of its time), "
        f"1000 bootstrap draws {draws:.1f} s ({draws / slow:.1f}x)"
    )


def measure_kitti(repeat: int) -> tuple[str, str]:
    """Return where the rows come from, and the seconds of the protocol on one core."""
    labels, found, origin = read_kitti_rows()
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        devkit = best_of(repeat, lambda: kitti_ap(labels, found))
        both = best_of(repeat, lambda: kitti_ap(labels, found, order_free=True))
        drawn = best_of(1, lambda: kitti_ap(labels, found, draws=CompareConfig()))
    finally:
        os.sched_setaffinity(0, cores)
    return (
        origin,
        f"{devkit:.2f} s, with the order-free rule {both:.2f} s, with intervals {drawn:.2f} s, one core",
    )


def measure_predict(frames: int, variant: str, repeat: int) -> str:
    """Return images per second of the bare forward pass and of predicting on records, at batch 8."""
    import tensorflow as tf  # noqa: PLC0415  scoring is timed without it

    from kittidet.detect.detector import Detector  # noqa: PLC0415
    from kittidet.eval.records import predict_records  # noqa: PLC0415
    from kittidet.kitti.tree import open_tree  # noqa: PLC0415
    from kittidet.records.write import write_records  # noqa: PLC0415
    from kittidet.synthetic.dataset import render_dataset  # noqa: PLC0415

    model = ModelConfig(variant=variant)
    detector = Detector.build(variant, classes=KITTI8, input_hw=model.input_hw)
    config = EvalConfig(batch_size=8)
    batch = tf.random.normal((8, *model.input_hw, 3))
    forward = tf.function(lambda images: detector.network(images, training=False)).get_concrete_function(batch)
    with tempfile.TemporaryDirectory() as folder:
        tree = open_tree(render_dataset(Path(folder) / "kitti", frames=frames, seed=1, zips=False))
        records = Path(folder) / "val"
        write_records(tree, tree.frame_ids, split_name="val", table=KITTI8, num_shards=2, out_dir=records)
        rounds = -(-frames // 8)

        def bare() -> None:
            for _ in range(rounds):
                forward(batch)["class_logits"].numpy()

        marks: list[float] = []

        def predict() -> None:
            marks.clear()
            predict_records(detector, records, config=config, progress=lambda *_: marks.append(time.perf_counter()))

        bare()
        rates = []
        for _ in range(repeat):
            # From the first finished batch on: tracing is paid once, not per image.
            predict()
            end_to_end = (frames - 8) / (marks[-1] - marks[0])
            rates.append((rounds * 8 / best_of(1, bare), end_to_end))
    bare_rate, predict_rate = max(r[0] for r in rates), max(r[1] for r in rates)
    ratio = predict_rate / bare_rate
    return f"forward {bare_rate:.2f} images/s (1.0x), predict {predict_rate:.2f} images/s ({ratio:.2f}x)"


def main() -> None:
    """Measure and append the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=48, help="frames to predict on, more than 8")
    parser.add_argument("--variant", default="d0")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", choices=("coco", "kitti", "predict"), help="one of the three")
    options = parser.parse_args()
    if options.only in {None, "coco"}:
        add_row("eval: COCO AP, 1,496 frames x 100 detections", measure_coco(options.repeat))
    if options.only in {None, "kitti"}:
        origin, result = measure_kitti(options.repeat)
        add_row(f"eval: KITTI protocol, 3,712 {origin} frames", result)
    if options.only in {None, "predict"}:
        name = f"eval: predict {options.variant}, {options.frames} drawn frames, batch 8"
        add_row(name, measure_predict(options.frames, options.variant, options.repeat))


if __name__ == "__main__":
    main()
