"""How much a run of the flow leaves in a PostgreSQL database: rows by table, and kilobytes, indexes included.

Needs what the production profile needs (docs/production.md), and an empty database of its own. Starts a server on it,
runs the flow once, and then some times with every task Cached, which leaves as much.

    .venv/bin/python benchmarks/bench_database.py [--runs N] [--store DIR]
"""

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import asyncpg
from rows import add_row

from deployments.local.server import ensure_server, server_process
from deployments.production.settings import read_production
from deployments.project import Project, connected
from kittidet.export.latency import describe_load

# Events are written some seconds after what they tell of.
SETTLED_S = 20


async def sizes(url: str) -> tuple[dict[str, int], int]:
    """Return rows by table, and the bytes of the database."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        rows = {t[0]: await connection.fetchval(f'SELECT count(*) FROM "{t[0]}"') for t in tables}
        return rows, await connection.fetchval("SELECT pg_database_size(current_database())")
    finally:
        await connection.close()


def main() -> None:
    """Measure, print, and append a row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--store", type=Path, help="one that may hold the run already")
    arguments = parser.parse_args()
    production = read_production(os.environ)
    root = Path(tempfile.mkdtemp(prefix="bench-database-"))
    project = replace(Project(root), password=production.auth)
    try:
        server = ensure_server(project, port=None, host="127.0.0.1", production=production)
        with connected(project, server.api_url):
            from small_run import small_run, use_stand_ins  # noqa: PLC0415

            from flows.kitti_finetune import kitti_finetune  # noqa: PLC0415  with the project's settings

            use_stand_ins()

            parameters = small_run(arguments.store or root / "store", root / "runs")
            kitti_finetune(**parameters)
            time.sleep(SETTLED_S)
            rows, size = asyncio.run(sizes(production.database_url))
            for _ in range(arguments.runs):
                kitti_finetune(**parameters)
            time.sleep(SETTLED_S)
            after, grown = asyncio.run(sizes(production.database_url))
    finally:
        server_process(project).stop()
        shutil.rmtree(root, ignore_errors=True)
    a_run = {name: (count - rows[name]) / arguments.runs for name, count in after.items() if count > rows[name]}
    listed = ", ".join(f"{name} {count:.1f}" for name, count in sorted(a_run.items(), key=lambda item: -item[1]))
    text = f"{sum(a_run.values()):.0f} rows and {(grown - size) / arguments.runs / 1000:.0f} KB a run: {listed}"
    add_row(f"database: {arguments.runs} runs of kitti-finetune on PostgreSQL; {describe_load()}", text)


if __name__ == "__main__":
    main()
