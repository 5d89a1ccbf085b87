# ruff: noqa: PLC0415  each process imports only its own framework
"""Training steps of D0 and D2 at 1280x384: steps a second and peak memory, by backend, precision and number of devices.

Every variant is a process of its own: two steps that build and warm up, then some that are timed one by one, on a batch
that is in memory already (the input pipeline is no part of it). Batch norm is frozen and the recipe the default one. On
TensorFlow several devices share a batch as in `train.devices`; on JAX as in Keras' `DataParallel`, for comparison: the
command line trains on TensorFlow alone. Without a GPU devices are logical processors, which shows what sharing costs,
not what it gains.

    .venv/bin/python benchmarks/bench_train.py [--backend tensorflow|jax] [--precision P] [--devices N] [--peer effdet]

`--peer effdet` adds effdet's own training step (PyTorch, which is not a dependency: see `effdet_peer.py`).
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
from functools import partial
from typing import Any

from effdet_peer import add_peer_option, build_effdet, find_peer, training_step
from rows import add_row

INPUT_HW = (384, 1280)
CLASSES = 8
OBJECTS = 10
WARM_UP = 2


def batch_of(size: int) -> dict[str, Any]:
    """Return a batch as the input pipeline gives it: noise, with boxes of several sizes."""
    import numpy as np

    draws = np.random.default_rng(0)
    corner = draws.uniform((0, 0), (1000, 250), (size, OBJECTS, 2))
    boxes = np.concatenate([corner, corner + draws.uniform(16, 130, (size, OBJECTS, 2))], axis=-1)
    return {
        "image": draws.normal(size=(size, *INPUT_HW, 3)).astype(np.float32),
        "boxes_xyxy": boxes.astype(np.float32),
        "class_ids": draws.integers(1, CLASSES + 1, (size, OBJECTS)).astype(np.int32),
        "dont_care_xyxy": np.zeros((size, 1, 4), np.float32),
    }


def prepare_ours(variant: str, options: argparse.Namespace) -> Callable[[], object]:
    """Return one training step of this library."""
    import keras

    from kittidet.config import TrainConfig
    from kittidet.model.anchors import build_anchors
    from kittidet.model.efficientdet import build_efficientdet
    from kittidet.model.normalization import freeze_batch_norm
    from kittidet.training.model import TrainableDetector
    from kittidet.training.optimizer import build_optimizer

    count, is_jax = options.devices, options.backend == "jax"
    names = choose_jax(count) if is_jax else choose_tensorflow(count)
    recipe = TrainConfig(batch_size=options.batch, batch_norm="frozen", precision=options.precision)
    network = build_efficientdet(variant, CLASSES, INPUT_HW, seed=0, dtype=options.precision)
    freeze_batch_norm(network)
    common = {"anchors_xyxy": build_anchors(variant, input_hw=INPUT_HW), "recipe": recipe}
    if is_jax or count == 1:
        detector = TrainableDetector(network, **common)
    else:
        from kittidet.training.replication import ReplicatedDetector

        detector = ReplicatedDetector(network, micro_batch=options.batch // count, devices=names, **common)
    optimizer: Any = build_optimizer(recipe, learning_rate=0.001, model=detector)
    if options.precision == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(detector.trainable_variables)
    compiled = is_jax or ("GPU" in names[0] and count == 1)
    detector.compile(optimizer=optimizer, jit_compile=compiled, auto_scale_loss=False)
    batch = batch_of(options.batch)
    return lambda: detector.train_on_batch(batch)


def choose_tensorflow(count: int) -> list[str]:
    """Return the names of so many GPUs, or of logical processors where there is none."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        processor = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * count)
    names = [d.name.removeprefix("/device:") for d in tf.config.list_logical_devices("GPU" if gpus else "CPU")]
    if len(names) < count:
        raise SystemExit(f"--devices {count}: there are {len(names)}")
    return names[:count]


def choose_jax(count: int) -> list[str]:
    """Let Keras divide batches among so many devices; return their names."""
    import keras

    names = keras.distribution.list_devices()
    if len(names) < count:
        raise SystemExit(f"--devices {count}: there are {len(names)}")
    if count > 1:
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=names[:count]))
    return names[:count]


def prepare_effdet(variant: str, options: argparse.Namespace) -> Callable[[], object]:
    """Return one training step of effdet, with its own losses and SGD."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = build_effdet(variant, CLASSES, INPUT_HW).to(device, memory_format=torch.channels_last)
    batch = batch_of(options.batch)
    images = torch.from_numpy(batch["image"]).permute(0, 3, 1, 2).to(device, memory_format=torch.channels_last)
    boxes = [torch.from_numpy(b[:, [1, 0, 3, 2]].copy()).to(device) for b in batch["boxes_xyxy"]]
    classes = [torch.from_numpy(c).to(device) for c in batch["class_ids"]]
    types = {"mixed_float16": torch.float16, "mixed_bfloat16": torch.bfloat16}
    precision = types.get(options.precision)
    autocast = partial(torch.autocast, device, dtype=precision, enabled=precision is not None)
    return training_step(model, images, boxes, classes, autocast)


def work(variant: str, options: argparse.Namespace) -> None:
    """Time steps in this process and print the figures."""
    begun = time.perf_counter()
    step = (prepare_effdet if options.peer else prepare_ours)(variant, options)
    step()
    first = time.perf_counter() - begun
    for _ in range(WARM_UP - 1):
        step()
    seconds = []
    for _ in range(options.steps):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    figures = {
        "steps_per_s": 1 / statistics.median(seconds),
        "first_s": first,
        "peak_gb": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e9,
        "gpu_peak_gb": gpu_peak_gb(options),
    }
    print(f"FIGURES {json.dumps(figures)}", flush=True)


def gpu_peak_gb(options: argparse.Namespace) -> float | None:
    """Return the largest memory that tensors took on the first GPU; None without one, or where it is not told."""
    if options.peer:
        import torch

        return torch.cuda.max_memory_allocated() / 1e9 if torch.cuda.is_available() else None
    if options.backend == "jax":
        import jax

        return (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0) / 1e9 or None
    import tensorflow as tf

    return (
        tf.config.experimental.get_memory_info("GPU:0")["peak"] / 1e9
        if tf.config.list_physical_devices("GPU")
        else None
    )


def measure(variant: str, options: argparse.Namespace, *, peer: bool) -> str:
    """Return the figures of a process of its own, as text."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={options.devices}"
    environment = {**os.environ, "KERAS_BACKEND": options.backend, "XLA_FLAGS": flags, "TF_CPP_MIN_LOG_LEVEL": "3"}
    given = {**vars(options), "peer": peer}
    python = find_peer(options) if peer else sys.executable
    command = [python, __file__, "--work", json.dumps([variant, given])]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if "FIGURES " not in done.stdout:
        raise SystemExit(f"{variant}: {done.stderr[-3000:]}")
    found = json.loads(done.stdout.split("FIGURES ")[1])
    gpu = f", {found['gpu_peak_gb']:.2f} GB on the GPU" if found["gpu_peak_gb"] else ""
    name = f"effdet {variant}" if peer else variant
    return (
        f"{name} {found['steps_per_s']:.3f} steps/s, peak {found['peak_gb']:.2f} GB{gpu}, "
        f"first step after {found['first_s']:.0f} s"
    )


def main() -> None:
    """Measure, and append a row to RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backend", choices=("tensorflow", "jax"), default="tensorflow")
    parser.add_argument("--precision", choices=("float32", "mixed_float16", "mixed_bfloat16"), default="float32")
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--variants", default="d0,d2")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--peer", choices=("effdet",))
    add_peer_option(parser)
    parser.add_argument("--note", help="added to the row: the hardware's name, or what else ran")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        variant, given = json.loads(options.work)
        work(variant, argparse.Namespace(**given))
        return
    has_peer = options.peer is not None and find_peer(options) is not None
    if options.peer and not has_peer:
        print("effdet was left out: it is not here; name an interpreter that has it with --peer-python")
    said = []
    for variant in options.variants.split(","):
        said += [measure(variant, options, peer=peer) for peer in ((False, True) if has_peer else (False,))]
        print(said[-1], flush=True)
    title = (
        f"train: {options.variants} {INPUT_HW[1]}x{INPUT_HW[0]} on {options.backend}, {options.precision}, "
        f"batch {options.batch} on {options.devices} device{'s' * (options.devices > 1)}, median of {options.steps}"
    )
    add_row(f"{title}, {options.note}" if options.note else title, "; ".join(said))


if __name__ == "__main__":
    main()
