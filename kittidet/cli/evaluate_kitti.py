"""``kittidet evaluate-kitti``: official KITTI AP of a folder of result files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kittidet.cli.json_file import check_json_file, write_json_file
from kittidet.cli.tables import score_table
from kittidet.eval.score_text import NO_TRUTH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from kittidet.eval.kitti_protocol import ClassAp, KittiAp

Labels = Annotated[
    Path, typer.Option("--labels", help="Folder of label files, 000123.txt, 15 columns; a 16th is passed over.")
]
DetectionFiles = Annotated[
    Path, typer.Option("--detections", help="Folder of result files, 000123.txt, 16 columns, score last.")
]
FrameList = Annotated[
    Path | None, typer.Option("--frames", help="Frame ids to score, one a line; default: all with a result file.")
]
MissingIsEmpty = Annotated[
    bool, typer.Option("--missing-is-empty", help="With --frames: a frame without a result file has no detections.")
]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write AP, objects and the 41-point curves here.")]
DevkitRounding = Annotated[bool, typer.Option("--devkit-rounding", hidden=True, help="The default now.")]


def evaluate_kitti(
    labels: Labels,
    detections: DetectionFiles,
    frames: FrameList = None,
    missing_is_empty: MissingIsEmpty = False,
    json_file: JsonFile = None,
    devkit_rounding: DevkitRounding = False,  # noqa: ARG001  accepted for one version
) -> None:
    """Score KITTI result files by the official 2D protocol: AP R40 and R11, easy, moderate and hard.

    The numbers are the C++ devkit's. Where a rule that ignores the order of rows gives another AP, it stands beside.
    """
    from dataclasses import replace

    from rich.console import Console

    from kittidet.eval.kitti_protocol import kitti_ap, read_scoring_input

    if missing_is_empty and frames is None:
        raise typer.BadParameter("needs --frames, which names the frames to score", param_hint="--missing-is-empty")
    check_json_file(json_file)
    given = read_scoring_input(labels, detections, frames, missing_is_empty=missing_is_empty)
    scores = kitti_ap(given.ground_truth, given.detections, order_free=True)
    scores = replace(scores, notes=(*given.notes, *scores.notes))
    console = Console()
    print_kitti_scores(scores, console)
    write_json_file(json_file, scores.to_json())


def print_kitti_scores(scores: "KittiAp", console: "Console") -> None:
    """Print the tables of the official and the looser overlaps, what the order-free rule moves, and the notes."""
    title = f"KITTI 2D AP on {scores.n_frames} frames"
    _print_table(console, title, scores.official)
    _print_table(console, f"{title}, looser overlap", scores.loose)
    # A difference beyond rounding: whoever publishes should see it.
    moved = {name: [*r40, *r11] for name, (r40, r11) in scores.order_free_differences().items()}
    differing = {name: score for name, score in (scores.order_free or {}).items() if any(moved[name])}
    if differing:
        _print_table(console, f"{title}, order-free rule (and its difference from the devkit's)", differing, moved)
    for note in scores.notes:
        console.print(f"note: {note}", soft_wrap=True)


def _print_table(
    console: "Console",
    title: str,
    scores: "Mapping[str, ClassAp]",
    differences: "Mapping[str, Sequence[float | None]] | None" = None,
) -> None:
    columns = ("class", "IoU", "R40 easy", "mod.", "hard", "R11 easy", "mod.", "hard")
    table = score_table(title, columns, left=("class", "IoU"))
    for name, score in scores.items():
        cells = _cells(score)
        if differences is not None:
            cells = [f"{c} ({d:+.2f})" if d is not None else c for c, d in zip(cells, differences[name], strict=True)]
        table.add_row(name, f"{score.min_overlap:.2f}", *cells)
    console.print(table)


def _cells(score: "ClassAp") -> list[str]:
    if not any(score.objects):
        return [NO_TRUTH, "", "", "", "", ""]
    return ["-" if value is None else f"{value:.2f}" for value in (*score.r40, *score.r11)]
