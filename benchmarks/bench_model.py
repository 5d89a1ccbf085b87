# ruff: noqa: PLC0415, D102, D103  each process imports only its own framework; the names of small parts say it
"""EfficientDet D0, float32, on a CPU with two threads, against effdet (PyTorch) in the same run.

Every contender is a process of its own that waits for its turn; rounds go through all of them in order, so a busy
moment of the machine hits all alike. Measured: forward pass at batch 1 (plain and with batch norms folded), training
step at batch 2 with the real losses (batch norm trained and frozen), from start of the process to the first finished
step, peak memory, processor time. Bars: forward 0.85 of effdet's best, step 0.95 of effdet's best, frozen step 0.75 of
the unfrozen, peak 2.6 GiB.

    .venv/bin/python benchmarks/bench_model.py [--repeat N] [--peer-python PYTHON] [--only forward|step]
    .venv/bin/python benchmarks/bench_model.py --input-hw 384 1280 --classes 8

effdet is not a dependency: see `effdet_peer.py`. Without it the rows have no ratios.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from effdet_peer import add_peer_option, build_effdet, find_peer, training_step
from rows import add_row

ROOT = Path(__file__).parents[1]
THREADS = 2
FORWARD = ("ours forward", "ours forward folded", "effdet forward channels_last", "effdet forward contiguous")
STEP = ("ours step", "ours step frozen", "effdet step channels_last", "effdet step contiguous")
ENVIRONMENT = {
    "OMP_NUM_THREADS": str(THREADS),
    "TF_NUM_INTRAOP_THREADS": str(THREADS),
    "TF_NUM_INTEROP_THREADS": str(THREADS),
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "KERAS_BACKEND": "tensorflow",
}
Run = Callable[[], object]
Size = tuple[int, int]


def prepare_ours(task: str, input_hw: Size, classes: int) -> Run:
    """Return one forward pass or training step of this library."""
    import numpy as np
    import tensorflow as tf

    from kittidet.model.efficientdet import build_efficientdet
    from kittidet.model.folding import fold_batch_norm
    from kittidet.model.normalization import freeze_batch_norm

    model = build_efficientdet("d0", classes, input_hw)
    rng = np.random.default_rng(0)
    if "forward" in task:
        network = fold_batch_norm(model) if "folded" in task else model
        image = tf.constant(rng.normal(size=(1, *input_hw, 3)).astype(np.float32))
        call = tf.function(lambda x: network(x, training=False), jit_compile=False)
        # Not `call(image)["box_codes"].numpy` alone: that would call the network once, here.
        return lambda: call(image)["box_codes"].numpy()  # noqa: PLW0108

    from kittidet.config import TrainConfig
    from kittidet.model.anchors import build_anchors
    from kittidet.training.model import TrainableDetector
    from kittidet.training.optimizer import build_optimizer

    if "frozen" in task:
        freeze_batch_norm(model)
    detector = TrainableDetector(model, anchors_xyxy=build_anchors("d0", input_hw=input_hw), recipe=TrainConfig())
    optimizer = build_optimizer(TrainConfig(ema_decay=0.0), learning_rate=0.001, model=detector)
    detector.compile(optimizer=optimizer, jit_compile=False, auto_scale_loss=False)
    batch = {
        "image": tf.constant(rng.normal(size=(2, *input_hw, 3)).astype(np.float32)),
        "boxes_xyxy": tf.constant([[[10, 10, 100, 200], [50, 50, 300, 300]]] * 2, tf.float32),
        "class_ids": tf.constant([[1, 5]] * 2),
        "dont_care_xyxy": tf.zeros((2, 1, 4)),
    }
    return lambda: detector.train_on_batch(batch)


def prepare_effdet(task: str, input_hw: Size, classes: int) -> Run:
    """Return one forward pass or training step of effdet."""
    import torch

    torch.set_num_threads(THREADS)
    layout = torch.channels_last if "channels_last" in task else torch.contiguous_format
    model = build_effdet("d0", classes, input_hw).to(memory_format=layout)
    images = torch.randn(1 if "forward" in task else 2, 3, *input_hw).to(memory_format=layout)
    if "forward" in task:
        model.eval()
        return torch.inference_mode()(lambda: model(images))
    boxes = [torch.tensor([[10.0, 10, 200, 100], [50, 50, 300, 300]])] * 2
    return training_step(model, images, boxes, [torch.tensor([1, 5])] * 2)


def work(task: str, input_hw: Size, classes: int) -> None:
    """Prepare, run once, then run once for each line that comes in, and answer each with a line of figures."""
    run = (prepare_ours if task.startswith("ours") else prepare_effdet)(task, input_hw, classes)
    run()
    answer({"ready": True})
    for _ in sys.stdin:
        start, processor = time.perf_counter(), processor_seconds()
        run()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        answer({"wall": time.perf_counter() - start, "cpu": processor_seconds() - processor, "peak_gib": peak})


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def answer(figures: dict[str, Any]) -> None:
    print("FIGURES " + json.dumps(figures), flush=True)


class Contender:
    """One task in a process of its own."""

    def __init__(self, task: str, python: str, sizes: list[str]) -> None:
        self.task = task
        start = time.perf_counter()
        self.process = subprocess.Popen(
            [python, __file__, "--work", task, *sizes],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **ENVIRONMENT, "PYTHONPATH": str(ROOT) if task.startswith("ours") else ""},
        )
        self.figures: list[dict[str, float]] = []
        self.read()
        self.first = time.perf_counter() - start

    def read(self) -> dict[str, float]:
        for line in self.process.stdout:
            if line.startswith("FIGURES "):
                return json.loads(line.removeprefix("FIGURES "))
        raise SystemExit(f"{self.task}: its process ended early; run it alone with --work {self.task!r}")

    def turn(self, *, keep: bool) -> None:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        found = self.read()
        if keep:
            self.figures.append(found)

    def median(self, key: str) -> float:
        return statistics.median(f[key] for f in self.figures)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


def measure(
    tasks: tuple[str, ...], pythons: dict[str, str], sizes: list[str], repeat: int, warm_up: int
) -> dict[str, Contender]:
    """Return the contenders of a group after their rounds."""
    found = {}
    for task in tasks:
        who = task.split()[0]
        if who in pythons:
            found[task] = Contender(task, pythons[who], sizes)
    for number in range(warm_up + repeat):
        for contender in found.values():
            contender.turn(keep=number >= warm_up)
    for contender in found.values():
        contender.close()
        walls = [f["wall"] for f in contender.figures]
        print(
            f"{contender.task:30s} median {statistics.median(walls):.3f} s, {min(walls):.3f}-{max(walls):.3f}, "
            f"processor {contender.median('cpu'):.2f} s, to the first {contender.first:.1f} s, "
            f"peak {contender.median('peak_gib'):.2f} GiB"
        )
    return found


def ratios(found: dict[str, Contender]) -> list[str]:
    """Return the figures of a group as text, each against effdet's better layout."""
    peers = [c for task, c in found.items() if task.startswith("effdet")]
    best = {key: min(c.median(key) for c in peers) for key in ("wall", "cpu")} if peers else None
    lines = []
    for task, c in found.items():
        text = f"{task} {c.median('wall'):.3f} s"
        if best is not None and task.startswith("ours"):
            text += f" ({c.median('wall') / best['wall']:.2f}x of effdet's best"
            text += f", processor {c.median('cpu') / best['cpu']:.2f}x)"
        if "step" in task:
            text += f", first {c.first:.0f} s, peak {c.median('peak_gib'):.2f} GiB"
        lines.append(text)
    if "ours step frozen" in found:
        share = found["ours step frozen"].median("wall") / found["ours step"].median("wall")
        lines.append(f"frozen {share:.2f}x of unfrozen")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--only", choices=("forward", "step"))
    parser.add_argument("--input-hw", type=int, nargs=2, default=(512, 512), help="height and width, pixels")
    parser.add_argument("--classes", type=int, default=90)
    add_peer_option(parser)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    height, width = options.input_hw
    if options.work:
        work(options.work, (height, width), options.classes)
        return
    pythons = {"ours": sys.executable}
    if peer := find_peer(options):
        pythons["effdet"] = peer
    sizes = ["--input-hw", str(height), str(width), "--classes", str(options.classes)]
    lines: list[str] = []
    for name, tasks in (("forward", FORWARD), ("step", STEP)):
        if options.only in (None, name):
            lines += ratios(measure(tasks, pythons, sizes, options.repeat, options.warm_up))
    load = f"load {os.getloadavg()[0]:.1f}"
    title = f"model: d0 {width}x{height}, {options.classes} classes, {THREADS} threads, median of {options.repeat}"
    add_row(title, "; ".join([*lines, load]))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
