"""Curves of detections: precision over recall, F1 over score, calibration; and the confusion matrix."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap

from kittidet.arrays import FloatArray, IntArray
from kittidet.classes import ClassTable
from kittidet.report.style import ACCENT, INK, LINE, MUTED, Painter, plot_colours

_SHADE = LinearSegmentedColormap.from_list("shade", ["#2f6fde00", "#2f6fdecc"])


def precision_recall(recall: FloatArray, precision: Mapping[str, FloatArray], table: ClassTable) -> Painter:
    """Return a painter of precision over recall at IoU 0.5, a line per class and the mean."""

    def paint(axes: Axes) -> None:
        _lines(axes, recall, precision, table)
        axes.set(xlabel="recall", ylabel="precision", title="Precision and recall, IoU 0.5")

    return paint


def f1_by_score(thresholds: FloatArray, f1: Mapping[str, FloatArray], table: ClassTable, *, best: float) -> Painter:
    """Return a painter of F1 over the score threshold, a line per class and the mean, with the best one marked."""

    def paint(axes: Axes) -> None:
        _lines(axes, thresholds, f1, table)
        top = float(np.interp(best, thresholds, np.mean(list(f1.values()), axis=0)))
        axes.axvline(best, color=INK, lw=1.1, ls=(0, (4, 3)))
        axes.annotate(
            f"best mean F1 {top:.2f} at {best:.2f}",
            (best, 1),
            xytext=(5 if best < 0.5 else -5, -3),
            textcoords="offset points",
            ha="left" if best < 0.5 else "right",
            va="top",
            fontsize=8.5,
            color=MUTED,
        )
        axes.set(xlabel="score threshold", ylabel="F1", title="F1 by score threshold, IoU 0.5")

    return paint


def calibration(bins: Sequence[tuple[float, float, int]]) -> Painter:
    """Return a painter of the share of right detections over their mean score; on the diagonal, scores are honest.

    Args:
        bins: mean score, share right, count; bins without detections are left out.
    """

    def paint(axes: Axes) -> None:
        full = [b for b in bins if b[2]]
        axes.plot([0, 1], [0, 1], color=MUTED, lw=1, ls=(0, (4, 3)))
        largest = max((count for *_, count in full), default=1)
        sizes = [14 + 110 * np.sqrt(count / largest) for *_, count in full]
        axes.plot([b[0] for b in full], [b[1] for b in full], color=ACCENT, lw=1.4)
        axes.scatter([b[0] for b in full], [b[1] for b in full], s=sizes, color=ACCENT, alpha=0.75, lw=0, zorder=3)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="score", ylabel="share that is right")
        axes.set(title="Calibration (larger dots: more detections)")

    return paint


def confusion(matrix: IntArray, names: Sequence[str]) -> Painter:
    """Return a painter of the confusion matrix, each row as shares of its labels, counts written in the cells.

    Args:
        matrix: ``[k + 1, k + 1]`` counts, rows labels, columns detections, background last in both.
        names: the k class names.
    """

    def paint(axes: Axes) -> None:
        total = matrix.sum(axis=1, keepdims=True)
        share = np.divide(matrix, total, out=np.zeros(matrix.shape), where=total > 0)
        # Detections of nothing have no total of their own to be a share of: their row is the split by class.
        axes.imshow(share, cmap=_SHADE, vmin=0, vmax=1, aspect="auto")
        for (row, column), count in np.ndenumerate(matrix):
            if count:
                strong = share[row, column] > 0.6
                axes.text(
                    column,
                    row,
                    f"{count:,}",
                    ha="center",
                    va="center",
                    fontsize=7.5,
                    color="#ffffff" if strong else INK,
                    fontweight="bold" if row == column else "normal",
                )
        ticks = range(len(names) + 1)
        axes.set_xticks(ticks, [*names, "missed"], rotation=40, ha="right", rotation_mode="anchor", fontsize=8.5)
        axes.set_yticks(ticks, [*names, "nothing"], fontsize=8.5)
        axes.set_xticks(np.arange(-0.5, len(names) + 1), minor=True)
        axes.set_yticks(np.arange(-0.5, len(names) + 1), minor=True)
        axes.grid(visible=False)
        axes.grid(which="minor", color=LINE, lw=0.8)
        axes.tick_params(which="minor", length=0)
        axes.set(xlabel="detected as", ylabel="labelled as", title="Confusion matrix, IoU 0.5")

    return paint


def _lines(axes: Axes, x: FloatArray, curves: Mapping[str, FloatArray], table: ClassTable) -> None:
    colours = plot_colours(table)
    for name, y in curves.items():
        axes.plot(x, y, color=colours[name], lw=1.4, label=name)
    if len(curves) > 1:
        axes.plot(x, np.mean(list(curves.values()), axis=0), color=INK, lw=2.4, label="mean")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.2)
