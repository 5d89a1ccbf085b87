"""Processor milliseconds a frame of the training's input, augmented, against decoding the same PNG files and no more.

Both go through tf.data, in turns, on frames of KITTI's size. Bar: at most 1.5 times the bare decoding.

    .venv/bin/python benchmarks/bench_input.py [--frames N] [--rounds N] [--input-hw H W]
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import tensorflow as tf
from rows import add_row

from kittidet.classes import KITTI8
from kittidet.config import AugmentConfig
from kittidet.data.pipeline import training_batches
from kittidet.kitti.tree import open_tree
from kittidet.records.write import write_records
from kittidet.synthetic.dataset import render_dataset

BATCH = 4


def milliseconds(batches: Iterable[object], frames: int) -> float:
    """Return processor milliseconds a frame, all threads, of taking every batch."""
    start = time.process_time()
    for _ in batches:
        pass
    return 1000 * (time.process_time() - start) / frames


def main() -> None:
    """Measure, and append a row to RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--input-hw", type=int, nargs=2, default=(384, 1280))
    given = parser.parse_args()
    frames = given.frames - given.frames % BATCH
    with tempfile.TemporaryDirectory() as folder:
        tree = open_tree(render_dataset(Path(folder) / "kitti", frames=frames, seed=1, zips=False))
        records = Path(folder) / "train"
        write_records(tree, tree.frame_ids, split_name="train", table=KITTI8, num_shards=2, out_dir=records)
        files = [str(tree.image_path(frame_id)) for frame_id in tree.frame_ids]
        bare = tf.data.Dataset.from_tensor_slices(files).map(
            lambda path: tf.io.decode_png(tf.io.read_file(path), channels=3), num_parallel_calls=os.cpu_count()
        )
        ours = training_batches(
            records,
            input_hw=tuple(given.input_hw),
            batch_size=BATCH,
            augment=AugmentConfig(),
            seed=0,
            epochs=1,
            pixel_mean=(123.7, 116.3, 103.5),
            pixel_std=(58.4, 57.1, 57.4),
        )
        taken: dict[str, list[float]] = {"bare decoding": [], "augmented": []}
        for _ in range(given.rounds + 1):
            taken["bare decoding"].append(milliseconds(bare, frames))
            taken["augmented"].append(milliseconds(ours, frames))
    # The first round traces.
    decode, augmented = (min(times[1:]) for times in taken.values())
    height, width = given.input_hw
    add_row(
        f"input: {frames} synthetic frames to {width}x{height}, batch {BATCH}, processor time, best of {given.rounds}",
        f"bare decoding {decode:.1f} ms a frame (1.0x), augmented {augmented:.1f} ms ({augmented / decode:.2f}x); "
        f"load {os.getloadavg()[0]:.0f}",
    )


if __name__ == "__main__":
    main()
