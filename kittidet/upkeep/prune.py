"""Removes from a store what no run, no pin and no process needs; first it says what that is."""

import logging
import shutil
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from kittidet.errors import StoreError
from kittidet.upkeep.holdings import Holding, held_locks, list_holdings
from kittidet.upkeep.needs import needs_of_runs, runs_that_need

log = logging.getLogger(__name__)

DAY_S = 86_400


def free_holdings(store_dir: Path, runs: Sequence[Path], *, older_than_s: float) -> list[Holding]:
    """Return the step outputs and left-overs that nothing needs, the largest first.

    Args:
        store_dir: the store.
        runs: every folder of runs that were published from it.
        older_than_s: younger ones may be of a flow that is between two steps: they are left out.

    Raises:
        StoreError: if a process is making a step output, for any other may be one that it needs next; or if the store
            or a run cannot be read.
    """
    running = held_locks(store_dir)
    if running:
        raise StoreError(
            f"{store_dir}: {', '.join(running)} is being made now, from outputs that only that process knows. "
            "Prune when it has ended."
        )
    holdings, needs = list_holdings(store_dir), needs_of_runs(runs)
    newest = time.time() - older_than_s
    free = [
        holding
        for holding in holdings
        if holding.pin is None
        and not holding.is_locked
        and holding.changed <= newest
        and not runs_that_need(holding, needs, holdings)
    ]
    # Records that stay, such as pinned ones, keep the data set whose images they refer to.
    shown = {holding.summary.get("images_of") for holding in holdings if holding not in free} - {None}
    return sorted((h for h in free if h.summary.get("content") not in shown), key=lambda holding: -holding.bytes)


def remove_holdings(holdings: Sequence[Holding]) -> list[Holding]:
    """Return those that were removed; what a process has begun to make or taken away meanwhile is passed over.

    Each is renamed before it is removed, under the lock of its output: no process sees half of one.

    Raises:
        StoreError: naming what cannot be removed.
    """
    removed = []
    for holding in holdings:
        try:
            if _take_away(holding):
                removed.append(holding)
                log.info("store.pruned folder=%s bytes=%d", holding.path, holding.bytes)
        except OSError as error:
            raise StoreError(f"{holding.path}: cannot be removed: {error.strerror or error}.") from error
    return removed


def _take_away(holding: Holding) -> bool:
    aside = holding.path.with_name(f".pruned-{uuid.uuid4().hex[:12]}")
    try:
        with FileLock(holding.path.with_name(f".{holding.output or 'prune'}.lock"), blocking=False):
            holding.path.rename(aside)
    except (Timeout, FileNotFoundError):
        return False
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside)
    else:
        aside.unlink()
    return True
