"""Room, time and memory of the way from KITTI's zips to records that can be trained on, images copied or referred to.

Frames of KITTI's size with noise for images, about 0.8 MB each, packed like the official archives, are fetched,
validated, split and written as records twice: once with the images inside (``records.images=embedded``, as every build
did before there was a choice) and once referring to them. Then come another class table, another split, and one epoch
of reading: how long a training waits for its records to be verified, and how long all frames take in random order.
Each part runs in a process of its own; memory is the largest sum over it and its children, seen every 20 ms. Bytes
beside the zip are those of the store, and stand beside the training half of the image zip.

    .venv/bin/python benchmarks/bench_room.py [--frames N]      # 7,481 need 25 GB of disk
"""

import argparse
import io
import random
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image
from rows import add_row

from kittidet.config import RecordsConfig, SourceConfig, SplitConfig, ValidateConfig
from kittidet.records.reader import RecordReader
from kittidet.steps.fetch import dataset_images, fetch
from kittidet.steps.records import write
from kittidet.steps.split import split
from kittidet.steps.validate import validate
from kittidet.store import StepOutput, Store
from kittidet.upkeep.holdings import bytes_of

KITTI_FRAMES, SIZE_WH = 7481, (1242, 375)
WAYS = ("embedded", "referenced")
# Of noise: this many grey levels a sample make a PNG of KITTI's 0.8 MB.
NOISE_LEVELS, DIFFERENT_IMAGES = 13, 8
FRAMES_A_DRIVE = 50
LABEL = "{} 0.00 0 -1.57 {:.2f} 150.00 {:.2f} 250.00 1.50 1.60 3.90 1.00 1.50 20.00 -1.57\n"
DONT_CARE = "DontCare -1 -1 -10 700.00 160.00 760.00 190.00 -1 -1 -1 -1000 -1000 -1000 -10\n"
Outputs = dict[str, StepOutput]


def noise_images() -> list[bytes]:
    """Return a few PNG files of KITTI's sides and bytes."""
    random_numbers = np.random.default_rng(1)
    images = []
    for _ in range(DIFFERENT_IMAGES):
        noise = random_numbers.integers(100, 100 + NOISE_LEVELS, (*SIZE_WH[::-1], 3), dtype=np.uint8)
        stream = io.BytesIO()
        Image.fromarray(noise).save(stream, format="PNG", compress_level=1)
        images.append(stream.getvalue())
    return images


def write_zips(folder: Path, frames: int) -> int:
    """Write the three archives; return the bytes of the image archive, all of it training images."""
    images = noise_images()
    with (
        zipfile.ZipFile(folder / "data_object_image_2.zip", "w") as image_zip,
        zipfile.ZipFile(folder / "data_object_label_2.zip", "w", zipfile.ZIP_DEFLATED) as label_zip,
    ):
        for number in range(frames):
            image_zip.writestr(f"training/image_2/{number:06d}.png", images[number % DIFFERENT_IMAGES])
            boxes = [("Car", 10.0), ("Van", 200.0), ("Pedestrian", 400.0), ("Cyclist", 550.0), ("Car", 900.0)]
            rows = "".join(LABEL.format(kind, left, left + 40 + number % 60) for kind, left in boxes)
            label_zip.writestr(f"training/label_2/{number:06d}.txt", rows + DONT_CARE)
    with zipfile.ZipFile(folder / "devkit_object.zip", "w") as devkit:
        order = random.Random(1).sample(range(1, frames + 1), frames)
        devkit.writestr("mapping/train_rand.txt", ",".join(map(str, order)) + "\n")
        drives = (
            f"2011_09_26 2011_09_26_drive_{n // FRAMES_A_DRIVE:04d}_sync {n % FRAMES_A_DRIVE:010d}\n"
            for n in range(frames)
        )
        devkit.writestr("mapping/train_mapping.txt", "".join(drives))
    return (folder / "data_object_image_2.zip").stat().st_size


def do_fetch(store: Store, zips: Path) -> Outputs:
    """Return the data set."""
    return {"dataset": fetch(store, SourceConfig(kind="folder", path=zips))}


def do_validate(store: Store, dataset: StepOutput) -> Outputs:
    """Return the validation."""
    return {"validation": validate(store, dataset, ValidateConfig())}


def do_split(store: Store, dataset: StepOutput, validation: StepOutput, seed: int) -> Outputs:
    """Return a random split."""
    return {"split": split(store, dataset, validation, SplitConfig(seed=seed))}


def do_records(store: Store, dataset: StepOutput, parts: StepOutput, images: str, classes: str) -> Outputs:
    """Return the records of both sides."""
    config = RecordsConfig.model_validate({"images": images, "classes": classes})
    return {side: write(store, dataset, parts, side, config) for side in ("train", "val")}


def do_start(store: Store, dataset: StepOutput, records: StepOutput) -> Outputs:
    """Open the records of a side, verified, as a training does before its first batch."""
    with dataset_images(store, dataset) as images_dir:
        RecordReader(store.read(records), images_dir)
    return {}


def do_epoch(store: Store, dataset: StepOutput, records: StepOutput) -> Outputs:
    """Read every frame of a side once, in random order."""
    with dataset_images(store, dataset) as images_dir:
        reader = RecordReader(store.root / records.name, images_dir)
        for index in random.Random(1).sample(range(reader.manifest.num_frames), reader.manifest.num_frames):
            reader.read(index)
    return {}


def measured(work: Callable[..., Outputs], *arguments: Any) -> tuple[Outputs, float, float]:
    """Return what a part returns, its seconds, and its memory, MB; called in a process of its own."""
    done, peak, me = threading.Event(), [0], psutil.Process()

    def watch() -> None:
        while not done.wait(0.02):
            total = 0
            for process in [me, *me.children(recursive=True)]:
                try:
                    total += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
            peak[0] = max(peak[0], total)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    outputs = work(*arguments)
    seconds = time.perf_counter() - start
    done.set()
    watcher.join()
    return outputs, seconds, peak[0] / 1e6


def main() -> None:
    """Measure, print, and append a row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    parser.add_argument("--no-row", action="store_true", help="leave RESULTS.md as it is")
    arguments = parser.parse_args()
    frames, lines = arguments.frames, []

    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        zips, store = Path(name) / "zips", Store(Path(name) / "store")
        zips.mkdir()
        image_zip = write_zips(zips, frames)

        def part(what: str, work: Callable[..., Outputs], *given: Any) -> tuple[Outputs, int]:
            """Do one part in a new process; return its outputs and the bytes they take."""
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
                outputs, seconds, memory = pool.submit(measured, work, store, *given).result()
            taken = sum(bytes_of(store.root / output.name) for output in outputs.values())
            room = f", {taken / 1e6:.1f} MB ({taken / image_zip:.4f}x of the images' zip)" if outputs else ""
            lines.append(f"{what} {seconds:.1f} s, {memory:.0f} MB of memory{room}")
            print(lines[-1], flush=True)
            return outputs, taken

        fetched, data_bytes = part("fetch", do_fetch, zips)
        dataset = fetched["dataset"]
        validation = part("validate", do_validate, dataset)[0]["validation"]
        parts = part("split", do_split, dataset, validation, 0)[0]["split"]
        beside = {}
        for images in WAYS:
            written, taken = part(f"records {images}", do_records, dataset, parts, images, "kitti8")
            beside[images] = data_bytes + taken
            part(f"start of a training, {images}", do_start, dataset, written["train"])
            part(f"an epoch of reading, {images}", do_epoch, dataset, written["train"])
        other = part("another split", do_split, dataset, validation, 1)[0]["split"]
        for images, (what, chosen, classes) in product(
            WAYS, (("class table", parts, "kitti3"), ("split", other, "kitti8"))
        ):
            part(f"another {what}, {images}", do_records, dataset, chosen, images, classes)
    totals = ", ".join(
        f"{images} {taken / image_zip:.3f}x ({taken / frames * KITTI_FRAMES / 1e9:.2f} GB of {KITTI_FRAMES} frames)"
        for images, taken in beside.items()
    )
    lines.insert(0, f"beside the zip {totals}")
    print(lines[0])
    if not arguments.no_row:
        add_row(f"room: {frames} frames of {image_zip / frames / 1e6:.2f} MB", "; ".join(lines))


if __name__ == "__main__":
    main()
