"""How many runs of one machine work at a time; a run that waits for training on another machine does not count.

A slot is a lock on a file in Prefect's home, not a limit of the server: the system frees it when its process dies, and
no server has to answer.
"""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from filelock import FileLock, Timeout
from prefect.settings import PREFECT_HOME

from kittidet.errors import ConfigError

log = logging.getLogger(__name__)

VARIABLE = "KITTIDET_WORKING_RUNS"
# Each already uses every core; the second fills what the first leaves while it reads and writes.
WORKING_RUNS = 2
POLL_S = 1.0


@contextmanager
def working() -> Iterator[None]:
    """Hold one of the machine's slots; waits while others have them all, which is logged once.

    Raises:
        ConfigError: if ``KITTIDET_WORKING_RUNS`` is no number of runs.
    """
    folder = PREFECT_HOME.value() / "kittidet"
    folder.mkdir(parents=True, exist_ok=True)
    held = _wait_for_one([FileLock(folder / f"working-{number}.lock") for number in range(slot_count())])
    try:
        yield
    finally:
        held.release()


def slot_count() -> int:
    """Return how many runs work at a time.

    Raises:
        ConfigError: if ``KITTIDET_WORKING_RUNS`` is no number of runs.
    """
    named = os.environ.get(VARIABLE)
    if named is None:
        return WORKING_RUNS
    if not named.isdecimal() or int(named) < 1:
        raise ConfigError(f"{VARIABLE}: expected how many runs may work at a time, 1 or more, got {named!r}")
    return int(named)


def _wait_for_one(slots: Sequence[FileLock]) -> FileLock:
    is_told = False
    while True:
        for slot in slots:
            with suppress(Timeout):
                slot.acquire(blocking=False)
                return slot
        if not is_told:
            log.info("slots.wait others=%d work on this machine; %s allows more", len(slots), VARIABLE)
            is_told = True
        time.sleep(POLL_S)
