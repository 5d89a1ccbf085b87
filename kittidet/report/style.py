"""How every plot looks, and how a figure becomes a PNG file or an SVG that follows the page's light and dark colours.

Figures are made with the Agg backend directly, never through pyplot: no global state, no window, safe in threads.
"""

import io
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kittidet.classes import ClassTable
from kittidet.drawing import class_colours

# Colours with a meaning; in the page each becomes the CSS variable of that name.
INK, MUTED, LINE, PAPER, ACCENT, WARM = "#1b2430", "#5a6675", "#dde3ea", "#fdfdfe", "#2f6fde", "#d9622b"
_VARIABLES = {INK: "--ink", MUTED: "--muted", LINE: "--line", PAPER: "--card", ACCENT: "--accent", WARM: "--warm"}
PANEL_INCHES = (5.2, 3.3)
_DPI = 150

_RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": PAPER,
    "svg.fonttype": "none",
    "svg.hashsalt": "kittidet",
}

Painter = Callable[[Axes], None]


def report_style() -> AbstractContextManager[None]:
    """Return a context in which plots have the report's style; matplotlib's own settings are back after it."""
    return mpl.rc_context(_RC)


def new_figure(size_inches: tuple[float, float] = PANEL_INCHES) -> Figure:
    """Return an empty figure of the Agg backend that lays itself out."""
    figure = Figure(figsize=size_inches, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def panel(paint: Painter, size_inches: tuple[float, float] = PANEL_INCHES) -> Figure:
    """Return a figure with one set of axes that ``paint`` has drawn on."""
    figure = new_figure(size_inches)
    paint(figure.add_subplot())
    return figure


def save_png(figure: Figure, path: Path) -> None:
    """Write a figure as PNG; the same figure gives the same bytes."""
    # Software and date are left out so that equal reports are equal files.
    figure.savefig(path, dpi=_DPI, metadata={"Software": None})
    # Laid out now; finding the same places again for the SVG would take as long as drawing it.
    figure.set_layout_engine("none")


def to_svg(figure: Figure, *, title: str) -> str:
    """Return a figure as an ``<svg>`` element for the page: no ids of its own, page fonts, page colours.

    Args:
        figure: what to show.
        title: says in words what it shows, for those who do not see it.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    # Its style sheet would reach every other plot of the page; the page's own says the same.
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"(?:url\(#|href=\"#)([^)\"]+)", svg))
    svg = re.sub(r' id="([^"]+)"', lambda m: m.group(0) if m.group(1) in used else "", svg)
    # An id must be one of a kind on the page; the title is.
    prefix = re.sub(r"\W+", "-", title.lower())
    for name in used:
        svg = svg.replace(f'id="{name}"', f'id="{prefix}-{name}"').replace(f"#{name})", f"#{prefix}-{name})")
        svg = svg.replace(f'href="#{name}"', f'href="#{prefix}-{name}"')
    # Matplotlib writes both "font-family: 'A', 'B'" and the shorthand "font: 10px 'A', 'B'".
    svg = re.sub(r"font: (?:(?P<w>bold|\d+) )?(?P<s>[\d.]+px) [^;\"]+", _page_font, svg)
    svg = re.sub(r"font-family: [^;\"]+", "font-family: inherit", svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    svg = re.sub(r'<svg ([^>]*?)width="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r'<svg ([^>]*?)height="[^"]*"', r"<svg \1", svg, count=1)
    svg = re.sub(r"\s*\n\s*", " ", svg)
    label = title.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def plot_colours(table: ClassTable) -> dict[str, str]:
    """Return ``#rrggbb`` per class for lines on a light or dark page: the drawing colours, a little deeper."""
    return {
        name: "#" + bytes(round(0.82 * channel) for channel in bytes.fromhex(colour[1:])).hex()
        for name, colour in class_colours(table).items()
    }


def _page_font(match: re.Match[str]) -> str:
    weight = f"font-weight: {match['w']}; " if match["w"] else ""
    return f"{weight}font-size: {match['s']}; font-family: inherit"
