"""``kittidet evaluate-kitti``: official KITTI AP of a folder of result files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kittidet.cli.json_file import check_json_file, write_json_file

if TYPE_CHECKING:
    from rich.console import Console

    from kittidet.eval.kitti_protocol import ClassAp, KittiAp

Labels = Annotated[Path, typer.Option("--labels", help="Folder of label files, 000123.txt, 15 columns.")]
DetectionFiles = Annotated[
    Path, typer.Option("--detections", help="Folder of result files, 000123.txt, 16 columns, score last.")
]
FrameList = Annotated[
    Path | None, typer.Option("--frames", help="Frame ids to score, one a line; default: all with a result file.")
]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write AP, objects and the 41-point curves here.")]
DevkitRounding = Annotated[
    bool, typer.Option("--devkit-rounding", help="Repeat the C++ devkit to the letter: whole-pixel heights, row order.")
]


def evaluate_kitti(
    labels: Labels,
    detections: DetectionFiles,
    frames: FrameList = None,
    json_file: JsonFile = None,
    devkit_rounding: DevkitRounding = False,
) -> None:
    """Score KITTI result files by the official 2D protocol: AP R40 and R11, easy, moderate and hard."""
    from dataclasses import replace

    from rich.console import Console

    from kittidet.eval.kitti_protocol import kitti_ap, read_scoring_input

    check_json_file(json_file)
    given = read_scoring_input(labels, detections, frames)
    scores = kitti_ap(given.ground_truth, given.detections, devkit_rounding=devkit_rounding)
    scores = replace(scores, notes=(*given.notes, *scores.notes))
    console = Console()
    print_kitti_scores(scores, console)
    write_json_file(json_file, scores.to_json())


def print_kitti_scores(scores: "KittiAp", console: "Console") -> None:
    """Print one table for the official overlaps and one for the looser ones, then the notes."""
    from rich.table import Table

    title = f"KITTI 2D AP on {scores.n_frames} frames"
    for name, classes in ((title, scores.official), (f"{title}, looser overlap", scores.loose)):
        table = Table(title=name, title_justify="left")
        table.add_column("class", no_wrap=True)
        table.add_column("IoU")
        for column in ("R40 easy", "mod.", "hard", "R11 easy", "mod.", "hard"):
            table.add_column(column, justify="right")
        for kind, score in classes.items():
            table.add_row(kind, f"{score.min_overlap:.2f}", *_cells(score))
        console.print(table)
    for note in scores.notes:
        console.print(f"note: {note}", soft_wrap=True)


def _cells(score: "ClassAp") -> list[str]:
    from kittidet.eval.score_text import NO_TRUTH

    if not any(score.objects):
        return [NO_TRUTH, "", "", "", "", ""]
    return ["-" if value is None else f"{value:.2f}" for value in (*score.r40, *score.r11)]
