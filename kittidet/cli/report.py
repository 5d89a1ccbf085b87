"""``kittidet report``: one self-contained page about a finished run."""

from pathlib import Path
from typing import Annotated

import typer

from kittidet.config import ReportConfig

_FIELDS = ReportConfig.model_fields


def report(
    run: Annotated[Path, typer.Argument(help="the run's folder, for example runs/demo")],
    data: Annotated[
        Path | None, typer.Option("--data", help="the KITTI tree it was made from; default: what its store holds")
    ] = None,
    gallery_frames: Annotated[int, typer.Option(min=0, max=1000, help=_FIELDS["gallery_frames"].description)] = _FIELDS[
        "gallery_frames"
    ].default,
    min_score: Annotated[float | None, typer.Option(min=0, max=1, help=_FIELDS["min_score"].description)] = None,
) -> None:
    """Write RUN/report/index.html and the images beside it. An existing report is never written over."""
    from kittidet.report.write import write_report
    from kittidet.runs.run import Run

    tree = Run.open(run).find_tree(data)
    if tree is None:
        typer.echo("The data of this run was not found: no images, no KITTI scores. Name it with --data.", err=True)
    config = ReportConfig(gallery_frames=gallery_frames, min_score=min_score)
    made = write_report(run, tree=tree, config=config)
    typer.echo(f"{'already there' if made.cached else 'written'}: {made.page}")
