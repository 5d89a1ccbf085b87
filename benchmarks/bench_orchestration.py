"""What Prefect costs around the library, against a running server: a whole run, one with all Cached, and the registry.

The run is that of `small_run.py`. Orchestration is the flow's time less the time in the library's steps. It hardly
hangs on how long those take, so it is given as a share of a run of ten minutes too. Processor time stands beside wall
time, for on a machine with other work only the former repeats itself.

    .venv/bin/python benchmarks/bench_orchestration.py [--repeats N] [--profile FILE] [--quick]
"""

import argparse
import cProfile
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rows import add_row

from deployments.local.server import ensure_server, server_process
from deployments.project import Project, connected
from kittidet.machine import describe_load
from kittidet.registry.records import Lineage, Metric, ModelVersion
from kittidet.registry.registry import Registry

RUN_S = 600
VERSIONS = 52
STEPS = ("fetch", "validate", "split", "write", "train", "evaluate", "publish", "report")


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Return wall and processor seconds of a call in this process."""
    wall, used = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - used


def timed_process(arguments: list[str], repeats: int) -> tuple[float, float]:
    """Return the least wall and processor seconds of a Python process."""
    found = []
    for _ in range(repeats):
        wall, used = time.perf_counter(), sum(os.times()[2:4])
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        found.append((time.perf_counter() - wall, sum(os.times()[2:4]) - used))
    return min(w for w, _ in found), min(u for _, u in found)


def count_library(spent: list[float]) -> None:
    """Add what each step of the library takes to a list, from now on in this process."""
    import tasks.steps  # noqa: PLC0415  with the project's settings

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter()
            try:
                return step(*args, **kwargs)
            finally:
                spent.append(time.perf_counter() - started)

        return call

    for name in STEPS:
        attribute = name if name == "write" else f"{name}_step"
        setattr(tasks.steps, attribute, counted(getattr(tasks.steps, attribute)))


def fill_registry(store: Path) -> None:
    """Register a year of weekly versions."""
    registry = Registry(store)
    lineage = Lineage(data="d" * 64, split="s" * 64, config="c" * 64, commit="not known", started_from="starter")
    metric = Metric(value=0.5, low=0.4, high=0.6)
    for _ in range(VERSIONS):
        registry.add(
            "kitti",
            lambda number: ModelVersion(
                model="kitti",
                version=number,
                run_digest=f"{number}",
                run_path="/runs/kitti",
                checkpoint="k" * 64,
                parent=None,
                lineage=lineage,
                metrics={"ap": metric, "ap50": metric, "ap75": metric},
                per_class_ap={},
                confidence=0.95,
                n_train=100,
                n_val=100,
                variant="d0",
                input_hw=(384, 1280),
                is_synthetic=True,
                files={},
            ),
        )


def main() -> None:
    """Measure, print, and append a row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="each thing once")
    parser.add_argument("--profile", type=Path, help="where to leave cProfile's account of a run with all Cached")
    arguments = parser.parse_args()
    repeats = 1 if arguments.quick else arguments.repeats
    root = Path(tempfile.mkdtemp(prefix="bench-orchestration-"))
    project = Project(root)
    try:
        server = ensure_server(project, port=None, host="127.0.0.1")
        with connected(project, server.api_url):
            from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings  # noqa: PLC0415
            from small_run import small_run, use_stand_ins  # noqa: PLC0415

            from flows.kitti_finetune import kitti_finetune  # noqa: PLC0415  with the project's settings

            parameters = small_run(root / "store", root / "runs")
            use_stand_ins()
            spent: list[float] = []
            count_library(spent)
            # As `kittidet demo` runs it.
            with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
                whole, _ = timed(lambda: kitti_finetune(**parameters))
                around = whole - sum(spent)
                cached = [timed(lambda: kitti_finetune(**parameters)) for _ in range(repeats)]
                if arguments.profile is not None:
                    account = cProfile.Profile()
                    account.runcall(kitti_finetune, **parameters)
                    account.dump_stats(arguments.profile)
    finally:
        server_process(project).stop()
    loading = timed_process(["-c", "import flows.kitti_finetune"], repeats)
    fill_registry(root / "store")
    listing = timed_process(["-m", "kittidet", "models", "list", "--store", str(root / "store")], repeats)
    shutil.rmtree(root, ignore_errors=True)

    def shown(name: str, seconds: tuple[float, float]) -> str:
        return f"{name} {seconds[0]:.2f} s ({seconds[1]:.2f} s of this process's processor time)"

    parts = (
        f"around the steps of a run {around:.1f} s, {100 * around / RUN_S:.1f}% of ten minutes",
        shown("all Cached", (min(w for w, _ in cached), min(u for _, u in cached))),
        shown("loading the flow", loading),
        shown(f"`kittidet models list` of {VERSIONS} versions", listing),
    )
    add_row(f"orchestration: kitti-finetune on a running server; {describe_load()}", "; ".join(parts))


if __name__ == "__main__":
    main()
