"""`kittidet predict` of one image, from the start of the process to the saved image, against an earlier checkout.

All go in turns: bare `import tensorflow, keras`, this checkout, the one before. An untrained D0 for KITTI's eight
classes and a synthetic image of KITTI's size; clock and processor seconds. Bar: at most 5 s on an idle machine.

    .venv/bin/python benchmarks/bench_predict.py [--before CHECKOUT] [--rounds N] [--variant d0] [--input-hw H W]
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import add_row

HERE = Path(__file__).resolve().parents[1]
IMPORTS = "import tensorflow, keras"
MAKE = """
import sys
from pathlib import Path
from kittidet.detect.detector import Detector
from kittidet.synthetic.dataset import render_dataset

if __name__ == "__main__":
    variant, height, width = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    root = render_dataset(Path("kitti"), frames=1, seed=1, zips=False)
    next(root.rglob("*.png")).rename("image.png")
    Detector.build(variant, classes="kitti8", input_hw=(height, width), seed=0).save("detector")
"""


def run(code: list[str], checkout: Path, folder: Path) -> tuple[float, float]:
    """Return the clock and processor seconds of a Python process, its children included."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    env = {**os.environ, "PYTHONPATH": str(checkout)}
    subprocess.run([sys.executable, *code], cwd=folder, env=env, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - started, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main() -> None:
    """Measure, and append a row to RESULTS.md."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, help="another checkout of this project")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--variant", default="d0")
    parser.add_argument("--input-hw", type=int, nargs=2, default=(384, 1280))
    given = parser.parse_args()
    checkouts = {"this checkout": HERE, **({} if given.before is None else {"the one before": given.before.resolve()})}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in [IMPORTS, *checkouts]}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "make.py").write_text(MAKE)
        run(["make.py", given.variant, *map(str, given.input_hw)], HERE, folder)
        # The first round reads every file from the disk.
        for turn in range(given.rounds + 1):
            found = {IMPORTS: run(["-c", IMPORTS], HERE, folder)}
            for place, (said, checkout) in enumerate(checkouts.items()):
                verb = ["-m", "kittidet", "predict", "image.png", "--model", "detector", "--out", f"out-{turn}-{place}"]
                found[said] = run(verb, checkout, folder)
            for said, seconds in found.items():
                taken[said] += [seconds] if turn else []
    best = {said: tuple(min(times) for times in zip(*rounds, strict=True)) for said, rounds in taken.items()}
    height, width = given.input_hw
    add_row(
        f"predict: one image, {given.variant} {width}x{height}, the whole process, best of {given.rounds}",
        f"{', '.join(f'{said} {clock:.1f} s (processor {used:.1f} s)' for said, (clock, used) in best.items())}; "
        f"load {os.getloadavg()[0]:.0f}",
    )


if __name__ == "__main__":
    main()
