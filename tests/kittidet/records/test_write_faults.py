"""kill -9, a process that dies, and full-size memory: slow, so apart from the rest of `write`."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kittidet.classes import KITTI8
from kittidet.kitti.tree import open_tree
from kittidet.records.write import write_records

ROOT = Path(__file__).parents[3]
# Writes the records of a folder of trees and prints peak memory: of this process, and of its largest child.
SCRIPT = """
import json, resource, sys
from pathlib import Path
from kittidet.classes import KITTI8
from kittidet.kitti.tree import open_tree
from kittidet.records.write import write_records

if __name__ == "__main__":
    root, out, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    tree = open_tree(root)
    manifest = write_records(
        tree, tree.frame_ids[:count], split_name="train", table=KITTI8, num_shards=32, out_dir=out, workers=2
    )
    status = Path("/proc/self/status").read_text()
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps({"peak_kb": own + 2 * child, "frames": manifest.num_frames, "digest": manifest.digest}))
"""
CAR = "Car 0.00 1 -1.50 10.00 12.50 330.25 140.00 1.50 1.60 3.90 1.00 1.50 20.00 -1.40"


def command(script_dir, tree, out, count):
    script = script_dir / "write_some.py"
    script.write_text(SCRIPT)
    return [sys.executable, str(script), str(tree.root), str(out), str(count)]


@pytest.fixture
def wide_tree(tmp_path):
    """Return a function that makes a tree of plain KITTI-sized frames; the files are links to a few images."""

    def make(count):
        images, labels = (tmp_path / "kitti" / "training" / name for name in ("image_2", "label_2"))
        images.mkdir(parents=True)
        labels.mkdir()
        ramp = np.linspace(0, 255, 375 * 1242 * 3).reshape(375, 1242, 3)
        noise = np.random.default_rng(0).normal(0, 1, ramp.shape)  # half a megabyte as PNG
        Image.fromarray(np.clip(ramp + noise, 0, 255).astype(np.uint8)).save(tmp_path / "plain.png")
        for i in range(count):
            os.link(tmp_path / "plain.png", images / f"{i:06d}.png")
            (labels / f"{i:06d}.txt").write_text(CAR + "\n")
        return open_tree(tmp_path / "kitti")

    return make


@pytest.mark.fault
def test_kill_9_leaves_no_writers_and_the_same_call_completes_the_records(wide_tree, tmp_path):
    tree = wide_tree(400)
    out = tmp_path / "out"
    process = subprocess.Popen(command(tmp_path, tree, out, 400), cwd=ROOT, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(out.glob("*.tfrecord")) and time.monotonic() < deadline:
        time.sleep(0.01)
    children = [int(p) for p in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert children
    assert list(out.glob("*.tfrecord"))
    assert not (out / "manifest.json").exists()
    while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{child}").exists() for child in children)
    options = {"split_name": "train", "table": KITTI8, "num_shards": 32, "workers": 1}
    again = write_records(tree, tree.frame_ids, out_dir=out, **options)
    undisturbed = write_records(tree, tree.frame_ids, out_dir=tmp_path / "undisturbed", **options)
    assert again == undisturbed
    assert sorted(p.name for p in out.iterdir()) == sorted(p.name for p in (tmp_path / "undisturbed").iterdir())


@pytest.mark.fault
def test_a_writer_that_is_killed_is_reported_and_nothing_looks_finished(wide_tree, tmp_path):
    tree = wide_tree(400)
    out = tmp_path / "out"
    process = subprocess.Popen(command(tmp_path, tree, out, 400), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(out.glob("*.tfrecord")) and time.monotonic() < deadline:
        time.sleep(0.01)
    children = [int(p) for p in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    os.kill(next(c for c in children if "spawn_main" in Path(f"/proc/{c}/cmdline").read_text()), signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "a process writing records ended unexpectedly" in errors
    assert not (out / "manifest.json").exists()


@pytest.mark.slow
def test_peak_memory_does_not_grow_with_the_number_of_frames(wide_tree, tmp_path):
    """All of KITTI's 7,481 frames against 500 of them; the bar is a factor of 1.2."""
    tree = wide_tree(7481)
    peaks = {}
    for count in (500, 7481):
        done = subprocess.run(
            command(tmp_path, tree, tmp_path / f"out-{count}", count),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        facts = json.loads(done.stdout)
        assert facts["frames"] == count
        peaks[count] = facts["peak_kb"]
        shutil.rmtree(tmp_path / f"out-{count}")
    assert peaks[7481] <= 1.2 * peaks[500], peaks
