"""A server that is away for a while: a run waits until it responds again, and then does what needs it.

Prefect's own client tries again for about a minute, and not at all where a new one finds nobody; after that the run
would end as Failed, though its work is whole.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import httpx
from prefect import Task
from prefect.client.orchestration import get_client
from prefect.concurrency.asyncio import ConcurrencySlotAcquisitionError
from prefect.context import SettingsContext, get_settings_context
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, Settings

from tasks.retrying import is_passing

log = logging.getLogger(__name__)

# A reboot with a disk check takes ten minutes; after an hour somebody should know.
AWAY_S = 3600.0
POLL_S = 2.0

# The settings in use and their copy, if one was made: it reads the environment for each of some hundred settings,
# 0.05 s, for each of eleven tasks of a run that takes 1.6 s of processor time where everything is Cached.
_copied: list[tuple[Settings, Settings]] = []

P = ParamSpec("P")
R = TypeVar("R")


class ServedTask(Task[P, R]):
    """A task whose run begins once the server responds: Prefect asks it for a slot for each of the run's tags."""

    def __call__(self, *args: Any, return_state: bool = False, **kwargs: Any) -> Any:  # type: ignore[override]
        """Run the task; as with every task of Prefect, the state is returned instead of the result on request."""
        wait_for_server()
        run = super().__call__
        # What the task itself raises is in the state: an error that comes out is that of the engine.
        state = outlast(lambda: run(*args, return_state=True, **kwargs))
        return state if return_state else state.result()

    def with_options(self, **options: Any) -> "ServedTask[P, R]":
        """Return the task with other options, which Prefect would make a plain one."""
        task = super().with_options(**options)
        task.__class__ = type(self)
        return task  # type: ignore[return-value]


def outlast(call: Callable[[], R]) -> R:
    """Return what a call returns, made again once the server is back if it was lost; safe to be made twice."""
    deadline = time.monotonic() + AWAY_S
    while True:
        try:
            return call()
        except (ConcurrencySlotAcquisitionError, httpx.TransportError) as error:
            if not is_passing(error) or time.monotonic() > deadline:
                raise
            wait_for_server()


def wait_for_server() -> None:
    """Return when the server responds, or after an hour: what asks it next then says what is wrong."""
    if _responds():
        return
    log.warning("server.away url=%s; waiting for up to %d minutes", PREFECT_API_URL.value(), AWAY_S / 60)
    since = time.monotonic()
    while time.monotonic() - since < AWAY_S:
        time.sleep(POLL_S)
        if _responds():
            log.info("server.back after_s=%.0f", time.monotonic() - since)
            return


def asking_once() -> SettingsContext:
    """Return a context, to be entered as often as needed, in which Prefect's clients do not try again."""
    now = get_settings_context()
    known = _copied[0] if _copied else None
    if known is None or known[0] is not now.settings:
        known = (now.settings, now.settings.copy_with_update(updates={PREFECT_CLIENT_MAX_RETRIES: 0}))
        _copied[:] = [known]
    return SettingsContext(profile=now.profile, settings=known[1])


def _responds() -> bool:
    """Whether anyone answers at the server's address; one that Prefect starts for this process is always there."""
    if not PREFECT_API_URL.value():
        return True
    # Prefect's client knows the way through proxies, certificates and passwords. That of the run is at hand: making one
    # takes longer than asking.
    with asking_once(), get_client(sync_client=True) as client:
        error = client.api_healthcheck()
    if isinstance(error, httpx.HTTPStatusError):
        # A proxy before a server that is away.
        return error.response.status_code not in {httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE}
    return not isinstance(error, httpx.TransportError)
