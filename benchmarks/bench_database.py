"""How much a run of each flow leaves in Prefect's database: kilobytes and rows by table, indexes included.

Starts a server of its own: on SQLite, or, where the environment names what the production profile needs
(docs/production.md), on that PostgreSQL, whose database has to be empty. Each flow runs once, and then some times more:
`kitti-finetune` with every task Cached, which leaves as much as one that makes everything, `kitti-retrain` with other
settings each time, compared with the champion. Training and scoring are stand-ins (`small_run.py`), so the lines of log
of each epoch are missing; images are real ones where the project has them beside it.

    .venv/bin/python benchmarks/bench_database.py [--runs N]
"""

import argparse
import asyncio
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import asyncpg
from rows import RESULTS, add_row

from deployments.local.server import ensure_server, server_process
from deployments.production.settings import DATABASE, FILES, read_production
from deployments.project import Project, connected
from kittidet.machine import describe_load

# Events are written some seconds after what they tell of.
SETTLED_S = 20
WEEKS = 52
SHOWN_TABLES = 4
REAL_FRAMES = RESULTS.parents[2] / "shared" / "kitti" / "train58"

# Rows and bytes by table.
Sizes = dict[str, tuple[int, int]]


def sqlite_sizes(path: Path) -> Sizes:
    """Return what an SQLite database holds, which its server may have open."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        query = "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat s JOIN sqlite_master m ON m.name = s.name GROUP BY 1"
        sizes = connection.execute(query).fetchall()
        return {name: (connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0], n) for name, n in sizes}


async def postgres_sizes(url: str) -> Sizes:
    """Return what a PostgreSQL database holds, without rows that were replaced or removed."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await connection.execute("VACUUM FULL")
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        return {
            t[0]: (
                await connection.fetchval(f'SELECT count(*) FROM "{t[0]}"'),
                await connection.fetchval("SELECT pg_total_relation_size(quote_ident($1)::regclass)", t[0]),
            )
            for t in tables
        }
    finally:
        await connection.close()


def a_run(before: Sizes, after: Sizes, runs: int) -> tuple[float, float, str]:
    """Return kilobytes a run of all tables, of those of events, and the largest in words."""
    grown = {
        name: ((rows - before[name][0]) / runs, (size - before[name][1]) / runs / 1000)
        for name, (rows, size) in after.items()
    }
    events = sum(size for name, (_, size) in grown.items() if "event" in name)
    largest = sorted(grown.items(), key=lambda item: -item[1][1])[:SHOWN_TABLES]
    said = ", ".join(f"{name} {size:.0f} KB in {rows:.1f} rows" for name, (rows, size) in largest)
    return sum(size for _, size in grown.values()), events, said


def measure(sizes: Callable[[], Sizes], runs: int, places: tuple[Path, Path]) -> str:
    """Run both flows and return what they left in words."""
    from small_run import small_run, use_stand_ins  # noqa: PLC0415

    from flows.kitti_finetune import kitti_finetune  # noqa: PLC0415  with the project's settings
    from flows.kitti_retrain import kitti_retrain  # noqa: PLC0415

    use_stand_ins()
    parameters = small_run(*places)
    frames = (
        ["source.kind=folder", f"source.path={REAL_FRAMES}"] if REAL_FRAMES.is_dir() else ["source.synthetic_frames=40"]
    )
    parameters["overrides"] = [*parameters["overrides"], *frames, "split.val_share=0.4"]

    def settled() -> Sizes:
        time.sleep(SETTLED_S)
        return sizes()

    def finetune(number: int) -> None:
        del number
        kitti_finetune(**parameters)

    def retrain(number: int) -> None:
        more = [f"train.epochs={number + 2}", "name=weekly"]
        outcome = kitti_retrain(**{**parameters, "overrides": [*parameters["overrides"], *more]})
        assert outcome.kind == ("kept" if number else "first"), outcome

    said = []
    for name, run in (("kitti-finetune", finetune), ("kitti-retrain", retrain)):
        run(0)
        before = settled()
        for number in range(1, runs + 1):
            run(number)
        total, events, largest = a_run(before, settled(), runs)
        said.append(
            f"{name} {total:.0f} KB a run, of it events {events:.0f} KB ({largest}); "
            f"{WEEKS} of them {WEEKS * total / 1000:.0f} MB"
        )
    return "; ".join(said)


def main() -> None:
    """Measure, print, and append a row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=4)
    arguments = parser.parse_args()
    on_postgres = bool({DATABASE, FILES[DATABASE]} & set(os.environ))
    production = read_production(os.environ) if on_postgres else None
    root = Path(tempfile.mkdtemp(prefix="bench-database-"))
    project = replace(Project(root), password=production.auth) if production else Project(root)

    def sizes() -> Sizes:
        if production is not None:
            return asyncio.run(postgres_sizes(production.database_url))
        return sqlite_sizes(project.prefect_home / "prefect.db")

    try:
        server = ensure_server(project, port=None, host="127.0.0.1", production=production)
        with connected(project, server.api_url):
            said = measure(sizes, arguments.runs, (root / "store", root / "runs"))
    finally:
        server_process(project).stop()
        shutil.rmtree(root, ignore_errors=True)
    images = "real" if REAL_FRAMES.is_dir() else "synthetic"
    where = "PostgreSQL" if production else "SQLite"
    add_row(f"database: {arguments.runs} runs on {where}, {images} images; {describe_load()}", said)


if __name__ == "__main__":
    main()
