"""Steps over an output that turns out damaged when it is read: it is made again, and the work that read it too."""

from collections.abc import Callable
from typing import TypeVar

from kittidet.errors import DamagedOutputError

T = TypeVar("T")


def with_damage_made_again(work: Callable[[], T]) -> T:
    """Return what ``work`` returns; where a step output that it reads is damaged, ``work`` is done from its start.

    The store has noted the damage by then, so whoever makes that output makes it again; every other one is cached.

    Args:
        work: asks the store for each output that it reads.

    Raises:
        DamagedOutputError: if ``work`` meets the same damage twice, because it does not make that output itself.
    """
    seen: set[str] = set()
    while True:
        try:
            return work()
        except DamagedOutputError as error:
            if str(error) in seen:
                raise
            seen.add(str(error))
