"""Verbs that make or inspect data: ``synth`` and ``inspect``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape


def synth(
    out: Annotated[Path, typer.Option("--out", help="Folder to write; must not hold other data.")],
    frames: Annotated[int, typer.Option("--frames", min=1, max=1_000_000, help="How many frames to make.")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same frames and seed give the same data.")] = 7,
    zips: Annotated[bool, typer.Option("--zips/--no-zips", help="Also pack it like the official archives.")] = True,
) -> None:
    """Make a KITTI-shaped synthetic data set: images, 15-column labels, drives, zips."""
    from kittidet.synthetic.dataset import render_dataset

    root = render_dataset(out, frames=frames, seed=seed, zips=zips)
    Console().print(f"{frames} frames written to {escape(str(root))}", soft_wrap=True)


def inspect(
    records: Annotated[Path, typer.Argument(help="Folder of TFRecord shards, from this or any other writer.")],
    grid: Annotated[Path | None, typer.Option("--grid", help="Write an image of the first frames here.")] = None,
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder of the images, of records that only refer to them.")
    ] = None,
) -> None:
    """Show what is in TFRecords; exit 1 if boxes are not 0..1, labels are unknown, or a shard is damaged."""
    from kittidet.records.grid import draw_grid  # loaded only when needed
    from kittidet.records.inspect import inspect_records
    from kittidet.runs.data import images_beside

    images_dir = images or images_beside(records)
    report = inspect_records(records, images_dir=images_dir)
    console = Console()
    console.print(report.to_text(), soft_wrap=True, markup=False, highlight=False)
    if grid is not None:
        draw_grid(records, grid, images_dir=images_dir)
        console.print(f"image grid: {escape(str(grid))}", soft_wrap=True)
    if report.problems:
        raise typer.Exit(1)
