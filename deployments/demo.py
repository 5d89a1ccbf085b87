"""`kittidet demo`: the whole flow on a small synthetic data set, against a local Prefect server."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from deployments.local.server import LOOPBACK, Server, ensure_server, server_process
from deployments.local.stack import Port, alone
from deployments.project import connected, find_project
from kittidet.cli.tables import print_scores

if TYPE_CHECKING:
    from kittidet.steps.publish import PublishedRun

Stop = Annotated[bool, typer.Option("--stop/--keep", help="Stop the server at the end if the demo started it.")]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[SECTION.KEY=VALUE]...", help="Dotted overrides, e.g. train.epochs=3.")
]


def demo(
    overrides: Overrides = None,
    port: Port = None,
    stop: Stop = False,  # noqa: FBT002  a switch of the command line
) -> None:
    """Make data, train, evaluate and publish: the whole flow on a local Prefect server; a second run is all cached."""
    project = find_project()
    say = Console(stderr=True)
    with alone(project):
        say.print("Prefect server ...", end=" ")
        server = ensure_server(project, port=port, host=LOOPBACK)
        say.print("started" if server.started else "was running")
    try:
        with _without_handlers(), connected(project, server.api_url):
            # Prefect is imported from here on, with the project's settings.
            from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings  # noqa: PLC0415

            from flows.kitti_finetune import kitti_finetune  # noqa: PLC0415

            # The automations that listen for it are about deployments' runs; its thread takes up to a second to end.
            with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
                # Run in this process: only the server is left behind, and an error ends the command.
                run = kitti_finetune(
                    preset="demo",
                    overrides=(
                        # JSON is valid YAML, so any character in the folder's name is safe.
                        f"store_dir={json.dumps(str(project.root / 'store'))}",
                        f"runs_dir={json.dumps(str(project.root / 'runs'))}",
                        *(overrides or ()),
                    ),
                    trainer="here",
                )
    finally:
        if stop and server.started:
            with alone(project):
                server_process(project).stop()
    _print_result(run, server, stopped=stop and server.started)


def _print_result(run: "PublishedRun", server: Server, *, stopped: bool) -> None:
    from kittidet.steps.report import page_of  # noqa: PLC0415  matplotlib; `--help` stays fast

    print_scores(run.summary)
    out = Console(soft_wrap=True, highlight=False)
    picked = f"step {run.summary['best_step']}, epoch {run.summary['best_epoch']}"
    out.print(f"Picked checkpoint:  {run.path / run.summary['checkpoint']}  ({picked})")
    out.print(f"Report:             {page_of(run.path)}")
    out.print(f"Run folder:         {run.path}{'  (already there: nothing to compute)' if run.cached else ''}")
    if stopped:
        out.print("The server has been stopped; `kittidet up` shows this run again.")
    else:
        out.print(f"UI:                 {server.ui_url}  (the server keeps running; stop it with `kittidet down`)")


@contextmanager
def _without_handlers() -> Iterator[None]:
    """Remove the command line's log handler: Prefect's own shows which task a line belongs to."""
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    try:
        yield
    finally:
        root.handlers = before
