"""One line of a verification: what was compared, and what was found wrong."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from kittidet.errors import KittidetError

State = Literal["same", "changed", "not checked"]


@dataclass(frozen=True, slots=True)
class Check:
    """What was compared, and the result.

    Attributes:
        what: was compared.
        count: files, frames or numbers; 0 where it could not be done.
        problems: what differs, one line each, naming file, expected and found.
        note: why it could not be done, or by how much numbers differ within their tolerance.
    """

    what: str
    count: int
    problems: tuple[str, ...] = ()
    note: str = ""

    @property
    def state(self) -> State:
        """Whether all is the same; a check that had nothing to compare is no pass."""
        if self.problems:
            return "changed"
        return "same" if self.count else "not checked"

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return {**asdict(self), "problems": list(self.problems), "state": self.state}


def checked(what: str, work: Callable[[], Check]) -> Check:
    """Return the check that ``work`` makes; an error about a file of the run is what it found wrong."""
    try:
        return work()
    except KittidetError as error:
        return Check(what, 0, (str(error),))
