"""The coarse batches of one step, done by whatever executor is given: processes here, or those of a cluster elsewhere.

An executor is Python's own (``concurrent.futures.Executor``); who opens one, and where it works, is not known here.
What a batch returns depends on the batch alone, so neither their number nor who does them changes a result.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass
from typing import Generic, TypeVar

from kittidet.errors import WorkerError

Batch = TypeVar("Batch")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Done(Generic[Result]):
    result: Result


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a batch was not done.

    Attributes:
        error: what to raise.
        cause: the error behind it, passed separately: an exception loses its cause between processes, and a system
            error's number decides whether to retry.
    """

    error: Exception
    cause: BaseException | None


def run_batches(
    function: Callable[[Batch], Result], batches: Sequence[Batch], executor: Executor, *, doing: str
) -> Iterator[tuple[int, Result]]:
    """Yield place and result of each batch as it is done; what was not begun is cancelled after a failure.

    Args:
        function: of a module, so that other processes find it by name; works on one batch.
        batches: picklable.
        executor: runs the function; left open.
        doing: what a process does, for the message about one that is gone: ``writing records``.

    Raises:
        WorkerError: if the executor loses a process, or all of them.
        Exception: what a batch raised.
    """
    places: dict[Future[_Done[Result] | _Failure], int] = {}
    try:
        for place, batch in enumerate(batches):
            places[executor.submit(_attempt, function, batch)] = place
        for future in as_completed(places):
            # What the batch raised is a result; an error here is the executor's own.
            outcome = future.result()
            if isinstance(outcome, _Failure):
                break
            yield places[future], outcome.result
        else:
            return
    except Exception as error:
        raise WorkerError(
            f"a process {doing} ended unexpectedly: killed, out of memory, or out of reach ({type(error).__name__}). "
            "Run the step again, with fewer workers if memory is short."
        ) from error
    finally:
        for future in places:
            future.cancel()
    raise outcome.error from outcome.cause


def _attempt(function: Callable[[Batch], Result], batch: Batch) -> _Done[Result] | _Failure:
    try:
        return _Done(function(batch))
    except Exception as error:  # noqa: BLE001  raised again where the step runs
        return _Failure(error, error.__cause__)
