"""kittidet.batches: every batch is done, its own error is raised as it was, and a process that is gone is named."""

import errno
import multiprocessing
import os
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from kittidet.batches import run_batches
from kittidet.errors import RecordError, WorkerError


def double(number: int) -> int:
    return 2 * number


def fail_at_three(number: int) -> int:
    if number == 3:
        raise RecordError("train-00003: cannot write the records") from OSError(errno.EIO, "Input/output error")
    return number


def end_here(number: int) -> int:
    os._exit(number)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_every_batch_is_done_and_knows_its_place(workers):
    with ThreadPoolExecutor(workers) as pool:
        assert dict(run_batches(double, range(20), pool, doing="doubling")) == {n: 2 * n for n in range(20)}
        assert list(run_batches(double, [], pool, doing="doubling")) == []


def test_an_error_of_a_batch_keeps_its_cause_from_another_process():
    """Its number decides whether a task is tried again."""
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
        pytest.raises(RecordError, match="train-00003") as error,
    ):
        list(run_batches(fail_at_three, range(10), pool, doing="writing records"))
    assert error.value.__cause__.errno == errno.EIO


def test_a_process_that_is_gone_is_named():
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
        pytest.raises(WorkerError, match="a process writing records ended unexpectedly"),
    ):
        list(run_batches(end_here, [1], pool, doing="writing records"))


def test_what_was_not_begun_is_cancelled_after_a_failure():
    class Waiting(Executor):
        """Begins nothing by itself."""

        def __init__(self):
            self.futures = []

        def submit(self, function, /, *args, **kwargs):
            from concurrent.futures import Future

            self.futures.append(Future())
            return self.futures[-1]

    executor = Waiting()
    batches = run_batches(fail_at_three, range(5), executor, doing="failing")
    import threading

    threading.Timer(0.05, lambda: executor.futures[2].set_exception(BrokenPipeError("gone"))).start()
    with pytest.raises(WorkerError, match="BrokenPipeError"):
        next(batches)
    assert [future.cancelled() for future in executor.futures] == [True, True, False, True, True]
