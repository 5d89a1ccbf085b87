"""Step outputs and scores as tables for a terminal."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kittidet.eval.score_text import score_text

if TYPE_CHECKING:
    from kittidet.store import StepOutput, Store


def print_facts(title: str, store: "Store", output: "StepOutput") -> None:
    """Print a step output's summary, one fact a row, and where it lies."""
    table = Table(title=f"{title}{' (cached)' if output.cached else ''}", show_header=False, title_justify="left")
    for name, value in output.summary.items():
        table.add_row(name, escape(_text(value)))
    console = Console()
    console.print(table)
    console.print(f"saved in {escape(str(store.path(output)))}", soft_wrap=True)


def print_scores(summary: Mapping[str, Any]) -> None:
    """Print the AP table of a run's summary: all classes first, then each by name, then the checkpoints."""
    scores = Table(title=f"COCO AP on {summary['n_val']} validation frames", title_justify="left")
    for column in ("class", "AP", "AP50", "AP75"):
        scores.add_column(column, justify="left" if column == "class" else "right")
    scores.add_row("all", *(score_text(summary[k]) for k in ("ap", "ap50", "ap75")), style="bold")
    for name, ap in sorted(summary["per_class_ap"].items()):
        scores.add_row(name, score_text(ap), score_text(summary["per_class_ap50"][name]), "")
    steps = Table(title="checkpoints", title_justify="left")
    for column in ("step", "epoch", "AP", "AP50", "AP75", ""):
        steps.add_column(column, justify="right")
    for row in summary["checkpoints"]:
        picked = "picked" if row["step"] == summary["best_step"] else ""
        steps.add_row(
            str(row["step"]), str(row["epoch"]), *(score_text(row[k]) for k in ("ap", "ap50", "ap75")), picked
        )
    console = Console()
    console.print(scores)
    console.print(steps)


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_text(v)}" for k, v in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(_text(v) for v in value) or "none"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
