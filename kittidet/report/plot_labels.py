"""What the labels look like: objects per class, box sizes, where boxes are."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import NullLocator

from kittidet.classes import ClassTable
from kittidet.frame import Frame
from kittidet.report.style import ACCENT, MUTED, Painter, plot_colours

# From nothing at all (the page shows through) to the accent colour's depth.
_HEAT = LinearSegmentedColormap.from_list("heat", ["#2f6fde00", "#2f6fde66", "#2f6fde", "#d9622b"])


def label_counts(counts: Mapping[str, Mapping[str, int]], table: ClassTable) -> Painter:
    """Return a painter of objects per class, one bar a split, on a logarithmic axis: KITTI's classes differ 100-fold.

    Args:
        counts: split -> class name -> labelled objects.
        table: the classes, in the order they are drawn.
    """

    def paint(axes: Axes) -> None:
        colours = plot_colours(table)
        y = np.arange(len(table))
        height = 0.8 / max(1, len(counts))
        for k, (split, by_class) in enumerate(counts.items()):
            values = [by_class.get(name, 0) for name in table.names]
            offset = y + (k - (len(counts) - 1) / 2) * height
            axes.barh(
                offset, values, height * 0.9, color=[colours[n] for n in table.names], alpha=1.0 if k == 0 else 0.45
            )
            for at, value in zip(offset, values, strict=True):
                axes.annotate(
                    f"{value:,} {split}",
                    (value, at),
                    (4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=7.5,
                    color=MUTED,
                )
        axes.set_xscale("symlog", linthresh=1)
        top = max((v for by_class in counts.values() for v in by_class.values()), default=1)
        axes.set_xlim(0, max(10, top) * 12)
        axes.set_xticks([])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_yticks(y, table.names)
        axes.invert_yaxis()
        axes.grid(visible=False)
        axes.set_title("Objects per class (log scale)")

    return paint


def box_sizes(frames: Sequence[Frame], table: ClassTable) -> Painter:
    """Return a painter of the heat map of box width against height, pixels, both logarithmic."""

    def paint(axes: Axes) -> None:
        boxes = np.concatenate([np.empty((0, 4), np.float32), *(f.labelled(table)[0] for f in frames)])
        sizes = np.maximum(boxes[:, 2:] - boxes[:, :2], 1)
        edges = np.geomspace(4, 1300, 45), np.geomspace(4, 400, 40)
        grid, _, _ = np.histogram2d(sizes[:, 0], sizes[:, 1], bins=edges)
        axes.pcolormesh(*edges, np.log1p(grid).T, cmap=_HEAT, rasterized=True)
        axes.set(xscale="log", yscale="log")
        for axis, ticks in ((axes.xaxis, (8, 32, 128, 512)), (axes.yaxis, (8, 25, 40, 100, 300))):
            axis.set_ticks(ticks, labels=[str(t) for t in ticks])
            axis.set_minor_locator(NullLocator())
        # KITTI counts an object as moderate or hard from 25 px and as easy from 40 px of height.
        for pixels in (25, 40):
            axes.axhline(pixels, color=ACCENT, lw=0.9, ls=(0, (3, 3)))
        axes.set(xlabel="width, px", ylabel="height, px", title="Box sizes (dashed: KITTI's 25 and 40 px)")

    return paint


def box_places(frames: Sequence[Frame], table: ClassTable) -> Painter:
    """Return a painter of how often each part of the image is inside a box, as shares of width and height."""

    def paint(axes: Axes) -> None:
        grid = np.zeros((48, 160))
        for frame in frames:
            scale = np.array([160 / frame.size_wh[0], 48 / frame.size_wh[1]] * 2)
            for left, top, right, bottom in frame.labelled(table)[0] * scale:
                grid[max(0, int(top)) : int(np.ceil(bottom)), max(0, int(left)) : int(np.ceil(right))] += 1
        axes.imshow(np.sqrt(grid), cmap=_HEAT, aspect="auto", interpolation="bilinear")
        axes.set(xticks=[], yticks=[], title="Where objects are in the image")
        axes.grid(visible=False)

    return paint
