# ruff: noqa: PLC0415, D103  each process imports only what it needs; the names of small parts say it
"""The peak memory of a training that `kittidet train` says before its first step, against what it then takes.

Every cell (variant, input size, batch, micro-batch, batch norm) is a training of a process of its own on synthetic
frames, two steps or more, whose largest resident memory is read from the kernel (VmHWM). The coefficients of
`kittidet.training.memory` were fitted on some of the cells; the bar of 10 % is for the others.

    .venv/bin/python benchmarks/bench_memory.py [--cells fitted|checked|all] [--keep FILE]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from rows import add_row

FRAMES = 8


class Cell(NamedTuple):
    """A training to measure: batch in images, of which `micro` are in memory at a time; what batch norm does."""

    variant: str
    height: int
    width: int
    batch: int
    micro: int
    norm: str = "frozen"

    def __str__(self) -> str:
        return f"{self.variant} {self.width}x{self.height} {self.batch // self.micro}x{self.micro} {self.norm}"


FITTED = (
    Cell("d0", 160, 512, 8, 8),
    Cell("d0", 384, 1280, 4, 4),
    Cell("lite0", 192, 640, 8, 8),
    Cell("d1", 192, 640, 4, 4),
    Cell("lite0", 384, 1280, 4, 4),
    Cell("lite2", 256, 512, 4, 4),
    Cell("d2", 256, 512, 4, 2, "train"),
    Cell("lite0", 192, 640, 8, 2),
)
CHECKED = (
    Cell("d0", 192, 640, 8, 8),
    Cell("d2", 256, 512, 2, 2),
    Cell("d0", 256, 512, 8, 4),
    Cell("d0", 256, 512, 4, 4, "train"),
    Cell("d2", 192, 640, 2, 2),
    Cell("d1", 384, 1280, 2, 1),
    Cell("d0", 384, 1280, 8, 2),
    Cell("d3", 192, 640, 2, 1),
    Cell("d0", 384, 1280, 2, 2),
    Cell("d0", 384, 1280, 4, 2, "train"),
    Cell("lite0", 320, 320, 8, 4, "train"),
)


def work(cell: Cell, folder: Path) -> None:
    """Train in this process and print its largest resident memory, bytes."""
    from kittidet.config import ModelConfig, TrainConfig
    from kittidet.training.fit import fit_detector

    fit_detector(
        folder / "records",
        model=ModelConfig(variant=cell.variant, input_hw=(cell.height, cell.width)),
        train=TrainConfig(epochs=1, batch_size=cell.batch, micro_batch=cell.micro, batch_norm=cell.norm),
        work_dir=folder / str(cell).replace(" ", "-"),
    )
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(f"PEAK {1024 * int(status.split('VmHWM:')[1].split()[0])}", flush=True)


def make_records(folder: Path) -> None:
    from kittidet.classes import KITTI8
    from kittidet.kitti.tree import open_tree
    from kittidet.records.write import write_records
    from kittidet.synthetic.dataset import render_dataset

    tree = open_tree(render_dataset(folder / "kitti", frames=FRAMES, seed=3, zips=False))
    write_records(tree, tree.frame_ids, split_name="train", table=KITTI8, num_shards=1, out_dir=folder / "records")


def measure(cell: Cell, folder: Path) -> int:
    command = [sys.executable, __file__, "--work", json.dumps(cell), "--folder", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "PEAK " not in done.stdout:
        raise SystemExit(f"{cell}: {done.stderr[-2000:]}")
    return int(done.stdout.split("PEAK ")[1].split()[0])


def predicted(cell: Cell) -> int:
    from kittidet.config import ModelConfig, TrainConfig
    from kittidet.training.memory import predicted_peak, sizes_of

    model = ModelConfig(variant=cell.variant, input_hw=(cell.height, cell.width))
    sizes = sizes_of(model, num_classes=8, batch_norm=cell.norm)
    return predicted_peak(sizes, TrainConfig(batch_size=cell.batch), cell.micro)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", choices=("fitted", "checked", "all"), default="checked")
    parser.add_argument("--keep", type=Path, help="write what was measured here, as tests/golden/memory.json")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(Cell(*json.loads(options.work)), options.folder)
        return
    cells = {"fitted": FITTED, "checked": CHECKED, "all": (*FITTED, *CHECKED)}[options.cells]
    found: dict[str, list[dict[str, Any]]] = {"fitted": [], "checked": []}
    errors = []
    with tempfile.TemporaryDirectory() as folder:
        make_records(Path(folder))
        for cell in cells:
            peak = measure(cell, Path(folder))
            errors.append(predicted(cell) / peak - 1)
            found["fitted" if cell in FITTED else "checked"].append({"cell": list(cell), "peak": peak})
            print(f"{cell!s:32s} measured {peak / 1e9:.2f} GB, predicted {errors[-1]:+.1%}", flush=True)
    if options.keep:
        options.keep.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    worst = max(errors, key=abs)
    add_row(f"memory: {options.cells} cells, {len(cells)}", f"predicted peak off by {worst:+.1%} at most")


if __name__ == "__main__":
    main()
