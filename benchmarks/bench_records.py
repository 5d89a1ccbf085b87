"""Frames per second of writing records, against a converter that decodes each PNG, in one run.

The peer does what the TensorFlow Object Detection API's create_kitti_tf_record.py does for every frame: read the file,
decode it with Pillow into an array to learn its size, hash it, build a tf.train.Example, write it with TensorFlow's
TFRecordWriter. Its TensorFlow import is not counted. It has one process, as it does there; this project's writer is
timed with one process too, and with as many as there are cores, their start included.

    .venv/bin/python benchmarks/bench_records.py [--frames N] [--images FOLDER]
"""

import argparse
import hashlib
import io
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from rows import add_row

from kittidet.classes import KITTI8
from kittidet.kitti.labels import parse_label_file
from kittidet.kitti.tree import open_tree
from kittidet.records.write import write_records
from kittidet.synthetic.dataset import render_dataset

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class RepeatedFrames:
    """More frames than there are files: each id stands for one of a few images."""

    images: tuple[Path, ...]
    labels: tuple[Path, ...]

    def image_path(self, frame_id: str) -> Path:
        """Return the image that stands for a frame."""
        return self.images[int(frame_id) % len(self.images)]

    def label_path(self, frame_id: str) -> Path:
        """Return the labels of that image."""
        return self.labels[int(frame_id) % len(self.labels)]


def convert_like_the_peer(frames: RepeatedFrames, frame_ids: list[str], out: Path) -> None:
    """Write one TFRecord file, decoding every PNG."""
    import tensorflow as tf  # noqa: PLC0415  the processes that write must not load it

    def feature(kind: str, values: list) -> tf.train.Feature:
        lists = {"bytes": tf.train.BytesList, "float": tf.train.FloatList, "int64": tf.train.Int64List}
        return tf.train.Feature(**{f"{kind}_list": lists[kind](value=values)})

    with tf.io.TFRecordWriter(str(out)) as writer:
        for frame_id in frame_ids:
            encoded = frames.image_path(frame_id).read_bytes()
            pixels = np.asarray(Image.open(io.BytesIO(encoded)))
            height, width = pixels.shape[:2]
            objects = [o for o in parse_label_file(frames.label_path(frame_id)) if not o.is_dont_care]
            boxes = np.array([o.xyxy for o in objects]).reshape(-1, 4) / [width, height, width, height]
            found = {
                "image/height": feature("int64", [height]),
                "image/width": feature("int64", [width]),
                "image/filename": feature("bytes", [frame_id.encode()]),
                "image/source_id": feature("bytes", [frame_id.encode()]),
                "image/key/sha256": feature("bytes", [hashlib.sha256(encoded).hexdigest().encode()]),
                "image/encoded": feature("bytes", [encoded]),
                "image/format": feature("bytes", [b"png"]),
                "image/object/class/text": feature("bytes", [o.type.encode() for o in objects]),
                "image/object/class/label": feature("int64", [KITTI8.id_of(o.type) for o in objects]),
                "image/object/truncated": feature("float", [o.truncated for o in objects]),
                "image/object/alpha": feature("float", [o.alpha for o in objects]),
            }
            for side, name in enumerate(("xmin", "ymin", "xmax", "ymax")):
                found[f"image/object/bbox/{name}"] = feature("float", boxes[:, side].tolist())
            writer.write(tf.train.Example(features=tf.train.Features(feature=found)).SerializeToString())


def best_of(run: Callable[[Path], object], repeats: int, folder: Path) -> tuple[float, float]:
    """Return the shortest wall time and the least processor time (children included), seconds."""
    walls, processors = [], []
    for _ in range(repeats):
        out = Path(tempfile.mkdtemp(dir=folder))
        start, used = time.perf_counter(), sum(os.times()[:4])
        run(out)
        walls.append(time.perf_counter() - start)
        processors.append(sum(os.times()[:4]) - used)
        shutil.rmtree(out)
    return min(walls), min(processors)


def main() -> None:
    """Measure, print, and append a row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--images", type=Path, help="a KITTI tree; default: ../shared/kitti/mini, else drawn frames")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = arguments.images or ROOT.parent / "shared" / "kitti" / "mini"
        kind = "real" if root.is_dir() else "synthetic"
        if kind == "synthetic":
            root = render_dataset(folder / "synthetic", frames=8, seed=1, zips=False)
        tree = open_tree(root)
        frames = RepeatedFrames(
            tuple(tree.image_path(i) for i in tree.frame_ids), tuple(tree.label_path(i) for i in tree.frame_ids)
        )
        ids = [f"{i:06d}" for i in range(arguments.frames)]
        cores = os.cpu_count() or 1

        def ours(workers: int) -> Callable[[Path], object]:
            return lambda out: write_records(
                frames, ids, split_name="train", table=KITTI8, num_shards=32, out_dir=out, workers=workers
            )

        runs = {
            "peer": lambda out: convert_like_the_peer(frames, ids, out / "all.tfrecord"),
            "1 process": ours(1),
            f"{cores} processes": ours(cores),
        }
        for run in runs.values():  # imports and page cache, not counted
            frames_once, ids = ids, ids[:8]
            run(Path(tempfile.mkdtemp(dir=folder)))
            ids = frames_once
        times = {label: best_of(run, arguments.repeats, folder) for label, run in runs.items()}
    # Processor time beside wall time: on a machine that others use too, only the former repeats itself.
    text = ", ".join(
        f"{label} {arguments.frames / wall:.0f} frames/s ({times['peer'][0] / wall:.1f}x), "
        f"{processor / arguments.frames * 1000:.1f} ms of processor a frame ({times['peer'][1] / processor:.1f}x)"
        for label, (wall, processor) in times.items()
    )
    print(f"records, {arguments.frames} {kind} frames: {text}")
    add_row(f"records: {arguments.frames} {kind} frames, best of {arguments.repeats}", text)


if __name__ == "__main__":
    main()
