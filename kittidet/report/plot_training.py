"""Curves of a training: losses, AP by checkpoint, learning rate, with the best checkpoint marked."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from kittidet.report.style import ACCENT, INK, MUTED, WARM, Painter, new_figure

History = Mapping[str, Sequence[float]]
_SHADES = (ACCENT, WARM, "#2a9d76", "#9a5bd0", "#b08a2e", "#4d8f9e")
_TITLES = {"num_positives": "Matched anchors a batch"}
_NOT_CURVES = {"epoch", "step", "seconds", "score_seconds", "val_ap", "val_ap50"}


def training_panels(history: History, checkpoints: Sequence[Mapping[str, Any]]) -> list[tuple[str, Painter]]:
    """Return title and painter of every panel that the history has numbers for, the losses first.

    Args:
        history: column -> values; ``epoch`` is the horizontal axis, row numbers where it is missing.
        checkpoints: the evaluated ones: ``step``, ``epoch``, ``average_of``, ``ap``, ``ap50``, ``ap75``, ``best``.
    """
    best = next((c for c in checkpoints if c["best"]), None)
    mark = (
        None if best is None else (best["epoch"], f"best: {'average' if best['average_of'] else 'step'} {best['step']}")
    )
    # A part of the loss that is switched off is 0 in every row.
    columns = [name for name, values in history.items() if any(math.isfinite(v) and v for v in values)]
    losses = [name for name in columns if name.endswith("loss")]
    rates = [name for name in columns if name.endswith("learning_rate")]
    others = [name for name in columns if name not in {*losses, *rates, *_NOT_CURVES}]
    panels: list[tuple[str, Painter]] = []
    if losses:
        panels.append(("Loss", lambda axes: _curves(axes, history, losses, "Loss", mark, log=True)))
    if any(c["ap"] is not None for c in checkpoints):
        panels.append(("Validation AP", lambda axes: _scores(axes, history, checkpoints, mark)))
    if rates:
        panels.append(("Learning rate", lambda axes: _curves(axes, history, rates, "Learning rate", mark)))
    for name in others:
        title = _TITLES.get(name, name.replace("_", " ").capitalize())
        panels.append((title, lambda axes, n=name, t=title: _curves(axes, history, [n], t, mark)))  # type: ignore[misc]
    return panels


def results_figure(panels: Sequence[tuple[str, Painter]]) -> Figure:
    """Return all panels on one sheet, as ``results.png`` shows them."""
    columns = min(3, max(1, len(panels)))
    rows = max(1, math.ceil(len(panels) / columns))
    figure = new_figure((4.6 * columns, 3.2 * rows))
    for number, (_, paint) in enumerate(panels, start=1):
        paint(figure.add_subplot(rows, columns, number))
    return figure


def _curves(
    axes: Axes,
    history: History,
    names: Sequence[str],
    title: str,
    mark: tuple[float, str] | None,
    *,
    log: bool = False,
) -> None:
    x = history.get("epoch") or list(range(1, len(history[names[0]]) + 1))
    # The total first and above the parts it is the sum of.
    ordered = sorted(names, key=lambda name: (len(name), name))
    for name, colour in zip(ordered, _SHADES * len(ordered), strict=False):
        main = name == ordered[0]
        dot = "o" if len(x) == 1 else None
        axes.plot(x, history[name], color=colour, label=name, marker=dot, lw=2.2 if main else 1.4, zorder=3 + main)
    if log and all(value > 0 for name in names for value in history[name] if math.isfinite(value)):
        axes.set_yscale("log")
        for which in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            which(FuncFormatter(_plain))
    if len(names) > 1:
        axes.legend(loc="best")
    _finish(axes, title, mark)


def _scores(
    axes: Axes, history: History, checkpoints: Sequence[Mapping[str, Any]], mark: tuple[float, str] | None
) -> None:
    """Paint AP by epoch: as scored while training where it was, and of the kept checkpoints otherwise."""
    single = [c for c in checkpoints if not c["average_of"]]
    for key, name, colour in (("ap50", "AP50", "#2a9d76"), ("ap75", "AP75", WARM), ("ap", "AP", ACCENT)):
        scored = zip(history.get("epoch", ()), history.get(f"val_{key}", ()), strict=False)
        points = [point for point in scored if math.isfinite(point[1])]
        points = points or [(c["epoch"], math.nan if c[key] is None else c[key]) for c in single]
        x, y = zip(*points, strict=True)
        axes.plot(x, y, color=colour, marker="o", ms=4, label=name, lw=2.2 if key == "ap" else 1.4)
    axes.set_ylim(0, 1)
    axes.legend(loc="best")
    _finish(axes, "Validation AP", mark)


def _plain(value: float, _position: int | None = None) -> str:
    """Return 0.3 rather than 3 x 10^-1, and only for 1, 2 and 5 of each decade, so that labels stay apart."""
    leading = value / 10 ** math.floor(math.log10(value))
    return f"{value:g}" if round(leading, 6) in {1, 2, 5} else ""


def _finish(axes: Axes, title: str, mark: tuple[float, str] | None) -> None:
    axes.set_title(title)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    if mark is None:
        return
    epoch, text = mark
    axes.axvline(epoch, color=INK, lw=1.1, ls=(0, (4, 3)), zorder=2)
    low, high = axes.get_xlim()
    right = epoch > (low + high) / 2
    axes.annotate(
        text,
        (epoch, 1),
        xycoords=("data", "axes fraction"),
        xytext=(-5 if right else 5, -3),
        textcoords="offset points",
        ha="right" if right else "left",
        va="top",
        fontsize=8.5,
        color=MUTED,
    )
