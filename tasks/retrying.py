"""When a failed task is worth another try: trouble with the network or a shared disk, never wrong data."""

import errno
from typing import Any

import httpx
from prefect import Task
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from kittidet.errors import DiskSpaceError, ServerError, StoreServerError

# Faults of a disk or mount that another try, some seconds later, may not meet.
_PASSING_ERRNO = {
    errno.EIO,
    errno.ESTALE,
    errno.EAGAIN,
    errno.EBUSY,
    errno.ETIMEDOUT,
    errno.ECONNRESET,
    errno.ECONNREFUSED,
    errno.ECONNABORTED,
    errno.EPIPE,
    errno.ENETUNREACH,
    errno.EHOSTUNREACH,
    errno.ENETDOWN,
}

# Seconds before the first retry; doubled for each further one.
BACKOFF = exponential_backoff(backoff_factor=5)


def is_passing(error: BaseException | None) -> bool:
    """Whether an error, or one that caused it, comes from a network or disk that may work again in a moment."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, DiskSpaceError):
            return False
        if isinstance(error, (ServerError, StoreServerError, httpx.TransportError)):
            return True
        if isinstance(error, OSError) and error.errno in _PASSING_ERRNO:
            return True
        error = error.__cause__
    return False


def may_pass(task: Task[Any, Any], run: TaskRun, state: State[Any]) -> bool:
    """Tell Prefect whether to retry a task that ended in this state (see ``is_passing``)."""
    del task, run
    return isinstance(state.data, BaseException) and is_passing(state.data)
