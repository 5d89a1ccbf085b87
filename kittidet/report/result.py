"""What a written report is: known to those who only ask whether there is one, without what draws its plots."""

from dataclasses import dataclass
from pathlib import Path

PAGE = "index.html"
NUMBERS = "measures.json"


@dataclass(frozen=True, slots=True)
class Report:
    """A written report.

    Attributes:
        page: ``report/index.html``.
        cached: whether the same report was already there.
    """

    page: Path
    cached: bool
