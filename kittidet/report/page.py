"""The page's content into its HTML: template, style sheet and script are files of this package.

Everything that comes from a run is escaped; only the SVG made here and the two files go in as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.metadata import version
from typing import Any

import jinja2
from markupsafe import Markup

SECTIONS = (
    ("scores", "Scores"),
    ("training", "Training"),
    ("curves", "Curves and mistakes"),
    ("gallery", "Gallery"),
    ("data", "Data"),
    ("reproduce", "Reproduce"),
)


@dataclass(frozen=True, slots=True)
class PagePlot:
    """A plot on the page and the PNG file of it.

    Attributes:
        svg: from ``style.to_svg``.
        png: the file's path relative to the page.
        caption: a sentence.
    """

    svg: str
    png: str
    caption: str

    def __post_init__(self) -> None:
        # Jinja2 escapes plain text; the SVG is made by this package and holds nothing of the run but numbers.
        object.__setattr__(self, "svg", Markup(self.svg))  # noqa: S704


def render_page(content: Mapping[str, Any]) -> str:
    """Return the whole HTML document; it asks nothing of the network.

    Args:
        content: every name that ``page.html`` uses.

    Raises:
        ValueError: naming the one that is missing.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("kittidet.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        extensions=["jinja2.ext.loopcontrols"],
    )
    try:
        return environment.get_template("page.html").render(
            version=version("kittidet"),
            sections=SECTIONS,
            css=Markup(_text("page.css")),  # noqa: S704  this package's own file
            js=Markup(_text("page.js")),  # noqa: S704  this package's own file
            **content,
        )
    except jinja2.UndefinedError as error:
        raise ValueError(f"report page: {error}") from error


def _text(name: str) -> str:
    return resources.files("kittidet.report").joinpath(name).read_text(encoding="utf-8")
