"""How far `kittidet fit` is off: forward passes of eight configurations beside what two others of each variant predict.

Everything is timed in turns in one process: the smallest and the largest input of four variants, from which the lines
are drawn, and two sizes between of each. Bar: 10 % on each of the eight. Only a machine with nothing else to do can
show that; the load stands in the row.

    .venv/bin/python benchmarks/bench_fit.py [--on RUNTIME] [--rounds N] [--threads N] [--variants lite0,d0]
"""

import argparse
import os

from rows import add_row

from kittidet.export.budget import fit_lines, input_sizes, measure, predict_ms
from kittidet.export.latency import set_tensorflow_threads
from kittidet.machine import describe_load

BAR = 0.10
KITTI_WH = (1242, 375)
ENDS, BETWEEN = (384, 1280), (640, 1024)


def main() -> None:
    """Measure, and append a row to RESULTS.md."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--on", default="tflite_float16")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--variants", default="lite0,lite1,d0,d1")
    given = parser.parse_args()
    set_tensorflow_threads(given.threads)
    variants = given.variants.split(",")
    ends = [(name, hw) for name in variants for hw in input_sizes(KITTI_WH, ENDS)]
    between = [(name, hw) for name in variants for hw in input_sizes(KITTI_WH, BETWEEN)]
    load = describe_load()
    times = measure([*ends, *between], runtime=given.on, classes=8, threads=given.threads, rounds=given.rounds)
    said = []
    for which in ("best_ms", "median_ms"):
        lines = fit_lines({point: getattr(times[point], which) for point in ends})
        errors = []
        for name, hw in between:
            expected, found = predict_ms(lines, name, hw), getattr(times[name, hw], which)
            errors.append(abs(expected / found - 1))
            print(f"{which} {name} {hw[1]}x{hw[0]}: predicted {expected:.1f}, measured {found:.1f} ({errors[-1]:.1%})")
        verdict = "met" if max(errors) <= BAR else "missed"
        said.append(f"{which.removesuffix('_ms')} off by {max(errors):.1%} at most, bar {BAR:.0%} {verdict}")
    result = f"{'; '.join(said)}; {load} at the start"
    title = f"fit: {len(between)} configurations of {given.variants} on {given.on}, {given.rounds} rounds"
    add_row(title, result)


if __name__ == "__main__":
    main()
