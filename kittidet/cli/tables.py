"""Step outputs and scores as tables for a terminal."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kittidet.eval.score_text import SYNTHETIC, fact_text, leakage_text, limit_text, score_text

if TYPE_CHECKING:
    from kittidet.eval.coco import CocoMetrics
    from kittidet.store import StepOutput, Store


def score_table(title: str, columns: Sequence[str], *, left: Collection[str] = ("class",), **style: Any) -> Table:
    """Return an empty table whose columns hold numbers, aligned right, but for those named ``left``.

    Args:
        title: above it.
        columns: their headings.
        left: which of them hold text.
        **style: passed to ``rich.table.Table``.
    """
    table = Table(title=title, title_justify="left", **style)
    for column in columns:
        table.add_column(column, justify="left" if column in left else "right", no_wrap=column == "class")
    return table


def print_facts(title: str, store: "Store", output: "StepOutput") -> None:
    """Print a step output's summary, one fact a row, and where it is."""
    table = Table(title=f"{title}{' (cached)' if output.cached else ''}", show_header=False, title_justify="left")
    for name, value in output.summary.items():
        table.add_row(name, escape(fact_text(value)))
    console = Console()
    console.print(table)
    console.print(f"saved in {escape(str(store.path(output)))}", soft_wrap=True)


def print_model_scores(model: str, scores: "CocoMetrics") -> None:
    """Print the AP table of one model: all classes first, then each by name."""
    table = score_table(f"COCO AP of {model} on {scores.n_images} validation frames", ("class", "AP", "AP50", "AP75"))
    table.add_row("all", *(score_text(one) for one in (scores.ap, scores.ap50, scores.ap75)), style="bold")
    for name, ap in scores.per_class_ap.items():
        table.add_row(name, score_text(ap), score_text(scores.per_class_ap50[name]), "")
    Console().print(table)


def print_scores(summary: Mapping[str, Any]) -> None:
    """Print the AP table of a run's summary: all classes first, then each by name, then the checkpoints."""
    title = f"COCO AP on {summary['n_val']} validation frames"
    scores = score_table(title, ("class", "AP", "AP50", "AP75"))
    scores.add_row("all", *(score_text(summary[k]) for k in ("ap", "ap50", "ap75")), style="bold")
    for name, ap in sorted(summary["per_class_ap"].items()):
        scores.add_row(name, score_text(ap), score_text(summary["per_class_ap50"][name]), "")
    steps = score_table("checkpoints", ("step", "epoch", "AP", "AP50", "AP75", ""))
    for row in summary["checkpoints"]:
        mean = ", ".join(map(str, row["average_of"]))
        sure = row.get("chance_of_best")
        picked = "picked" if sure is None else f"picked, {sure:.0%} sure"
        note = ", ".join(filter(None, [f"mean of {mean}" if mean else "", picked if row["best"] else ""]))
        steps.add_row(str(row["step"]), str(row["epoch"]), *(score_text(row[k]) for k in ("ap", "ap50", "ap75")), note)
    console = Console()
    console.print(scores)
    if summary.get("synthetic"):
        console.print(f"data: {SYNTHETIC}")
    console.print(f"leakage: {leakage_text(summary)}", soft_wrap=True)
    if limit := limit_text(summary):
        console.print(limit, soft_wrap=True)
    console.print(steps)
