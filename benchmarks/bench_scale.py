"""Frames per second of writing records, by a Dask cluster of 1, 2 and 4 processes on this machine, and without one.

Shows what handing batches out costs, and that the bytes stay the same; more workers than cores can win nothing.

    .venv/bin/python benchmarks/bench_scale.py [--frames N] [--quick]
"""

import argparse
import tempfile
import time
from pathlib import Path

from bench_records import ROOT, RepeatedFrames
from distributed import LocalCluster
from rows import add_row

from kittidet.classes import KITTI8
from kittidet.config import ComputeConfig
from kittidet.kitti.tree import open_tree
from kittidet.machine import describe_load
from kittidet.records.write import write_records
from kittidet.steps.cluster import executor_for
from kittidet.synthetic.dataset import render_dataset

# Two for each shard, so that every worker has work.
_WARM_FRAMES = 64


def main() -> None:
    """Measure, print, and append a row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--quick", action="store_true", help="200 frames: that it runs, and the bytes")
    arguments = parser.parse_args()
    number = 200 if arguments.quick else arguments.frames
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = ROOT.parent / "shared" / "kitti" / "mini"
        kind = "real" if root.is_dir() else "synthetic"
        if kind == "synthetic":
            root = render_dataset(folder / "synthetic", frames=8, seed=1, zips=False)
        tree = open_tree(root)
        frames = RepeatedFrames(
            tuple(map(tree.image_path, tree.frame_ids)), tuple(map(tree.label_path, tree.frame_ids))
        )
        ids = [f"{i:06d}" for i in range(number)]

        def seconds(label: str, frame_ids: list[str] = ids, **more: object) -> tuple[float, str]:
            started = time.perf_counter()
            manifest = write_records(
                frames, frame_ids, split_name="train", table=KITTI8, num_shards=32, out_dir=folder / label, **more
            )
            return time.perf_counter() - started, manifest.digest

        found = {"no cluster, 1 process": seconds("alone", workers=1)}
        for workers in (1, 2, 4):
            with (
                LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
                executor_for(
                    "records", ComputeConfig(runner="dask", address=cluster.scheduler_address), [folder]
                ) as executor,
            ):
                seconds(f"warm-{workers}", ids[:_WARM_FRAMES], executor=executor)  # imports of the workers
                found[f"{workers} workers"] = seconds(f"dask-{workers}", executor=executor)
    assert len({digest for _, digest in found.values()}) == 1, found
    text = ", ".join(f"{label} {number / wall:.0f} frames/s" for label, (wall, _) in found.items())
    add_row(f"scale: records of {number} {kind} frames on Dask; {describe_load()}", f"{text}; same bytes")


if __name__ == "__main__":
    main()
