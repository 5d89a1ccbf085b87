"""How long `kittidet verify` takes for a run scored on KITTI's number of validation frames, part by part.

The run is a whole one: 1,496 frames are scored and 64 trained on, for one epoch from the starter weights, by d0. These
frames are copies of 64 that `kittidet.synthetic` draws at KITTI's sizes, about 0.7 MB each. Frames of noise of 0.8 MB,
which nobody trains on, fill the data set up to KITTI's 7,481: every byte of it is hashed by `verify`.
A folder that is named keeps the run, and is verified again as it is the next time.

    .venv/bin/python benchmarks/bench_verify.py [--frames N] [--data-frames N]     # 7,481 need 6 GB of disk
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from bench_room import DIFFERENT_IMAGES, DONT_CARE, KITTI_FRAMES, noise_images
from rows import add_row

from kittidet.config import ModelConfig, RunConfig, SourceConfig, SplitConfig, TrainConfig
from kittidet.runs.run import Run
from kittidet.runs.verify.verification import verify_run
from kittidet.steps.pipeline import run_pipeline
from kittidet.synthetic.dataset import render_dataset

VAL_FRAMES, TRAIN_FRAMES = 1496, 64


def make_data(root: Path, used: int, frames: int) -> None:
    """Draw a data set, and fill it up with copies that are used and with noise that is not."""
    render_dataset(root, frames=TRAIN_FRAMES, seed=1, zips=False)
    images, labels, noise = root / "training/image_2", root / "training/label_2", noise_images()
    for number in range(TRAIN_FRAMES, frames):
        image, label = images / f"{number:06d}.png", labels / f"{number:06d}.txt"
        if number < used:
            source = f"{number % TRAIN_FRAMES:06d}"
            shutil.copyfile(images / f"{source}.png", image)
            shutil.copyfile(labels / f"{source}.txt", label)
        else:
            image.write_bytes(noise[number % DIFFERENT_IMAGES])
            label.write_text(DONT_CARE)


def make_run(folder: Path, val_frames: int, data_frames: int, input_hw: tuple[int, int]) -> Path:
    """Return a published run of a folder, made if it is not there."""
    data, lists = folder / "data", {}
    for side, ids in (
        ("train", range(TRAIN_FRAMES)),
        ("val", range(TRAIN_FRAMES, TRAIN_FRAMES + val_frames)),
    ):
        lists[f"{side}_list"] = folder / f"{side}.txt"
        lists[f"{side}_list"].write_text("".join(f"{number:06d}\n" for number in ids))
    if not data.is_dir():
        make_data(data, TRAIN_FRAMES + val_frames, data_frames)
    config = RunConfig(
        name="verified",
        store_dir=folder / "store",
        runs_dir=folder / "runs",
        source=SourceConfig(kind="folder", path=data),
        split=SplitConfig(method="lists", **lists),
        model=ModelConfig(input_hw=input_hw, anchor_scale=2.0),
        train=TrainConfig(epochs=1, batch_size=8, evaluate_every_epochs=0, initial_weights="starter"),
    )
    return run_pipeline(config).path


def main() -> None:
    """Measure, print, and append a row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=VAL_FRAMES, help="that the run is scored on")
    parser.add_argument("--data-frames", type=int, default=KITTI_FRAMES, help="of the data set")
    parser.add_argument("--input-hw", type=int, nargs=2, default=ModelConfig().input_hw, help="of the network, pixels")
    parser.add_argument("--folder", type=Path, help="where the run is or shall be; default: a temporary folder")
    parser.add_argument("--no-row", action="store_true", help="leave RESULTS.md as it is")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        run = Run.open(make_run(folder, arguments.frames, arguments.data_frames, arguments.input_hw))
        parts, start, processor = [], time.perf_counter(), time.process_time()
        since = start
        for check in verify_run(run):
            now = time.perf_counter()
            parts.append(f"{check.what} {now - since:.1f} s ({check.state}, {check.count:,})")
            print(parts[-1], *check.problems[:3], flush=True)
            since = now
        seconds, processor = time.perf_counter() - start, time.process_time() - processor
    result = f"{seconds:.1f} s, {processor:.1f} s of this process's processor time; {'; '.join(parts)}"
    if arguments.no_row:
        print(result)
    else:
        height, width = arguments.input_hw
        what = f"{arguments.frames} drawn frames scored, {arguments.data_frames} in the data set, d0 {width}x{height}"
        add_row(f"verify: {what}", result)


if __name__ == "__main__":
    main()
