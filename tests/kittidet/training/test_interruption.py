"""A signal waits until the state is saved, and then does what it would have done."""

import signal
import threading

import keras
import numpy as np
import pytest

from kittidet.training.interruption import EpochState, Received, StopRequestedError, deferred_signals
from kittidet.training.resume import Progress


def test_ctrl_c_is_noted_and_comes_after_the_block():
    reached = []

    def work():
        with deferred_signals() as received:
            signal.raise_signal(signal.SIGINT)
            reached.append(received.number)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached == [signal.SIGINT]


def test_the_handler_that_was_there_gets_the_signal_once_and_stays():
    seen = []
    before = signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    try:
        ours = signal.getsignal(signal.SIGTERM)
        with deferred_signals():
            signal.raise_signal(signal.SIGTERM)
            assert seen == []
        assert seen == [signal.SIGTERM]
        assert signal.getsignal(signal.SIGTERM) is ours
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_signal_that_the_process_ignores_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with deferred_signals() as received:
            signal.raise_signal(signal.SIGINT)
        assert received.number is None
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_another_thread_leaves_signals_alone():
    before, found = signal.getsignal(signal.SIGTERM), []

    def work():
        with deferred_signals():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [before]


def a_state(saved, *, received=None, resumed=None, every_s=1e9, sums=()):
    return EpochState(
        save=saved.append, rows=[{}], resumed=resumed, sums=list(sums), steps=lambda: 42, steps_per_epoch=3,
        received=received or Received(), every_s=every_s,
    )  # fmt: skip


def test_a_state_is_saved_when_it_is_time_but_not_after_the_last_batch_which_the_epochs_end_saves():
    saved = []
    callback = a_state(saved, every_s=0)
    callback.on_epoch_begin(1)
    for batch in range(3):
        callback.on_train_batch_end(batch)
    assert saved == [Progress(1, 42, [{}], 1), Progress(1, 42, [{}], 2)]


def test_a_signal_stops_after_its_step_with_the_state_saved():
    saved, received = [], Received()
    callback = a_state(saved, received=received)
    callback.on_epoch_begin(1)
    callback.on_train_batch_end(0)
    received.number = signal.SIGTERM
    with pytest.raises(StopRequestedError):
        callback.on_train_batch_end(1)
    assert saved == [Progress(1, 42, [{}], 2)]


def test_a_signal_in_the_last_batch_stops_at_the_end_of_the_epoch():
    saved, received = [], Received(signal.SIGTERM)
    callback = a_state(saved, received=received)
    callback.on_epoch_begin(1)
    callback.batch = 2
    callback.on_train_batch_end(2)
    with pytest.raises(StopRequestedError):
        callback.on_epoch_end(1)
    assert saved == []


def test_the_sums_of_an_interrupted_epoch_come_back_once():
    variable = keras.Variable(np.float32(5.0))
    callback = a_state([], resumed=Progress(1, 42, [{}], 2), sums=[variable])
    variable.assign(0.0)  # as `fit` does when it begins an epoch
    callback.on_epoch_begin(1)
    assert (float(variable.value), callback.batch) == (5.0, 2)
    variable.assign(0.0)
    callback.on_epoch_begin(2)
    assert (float(variable.value), callback.batch) == (0.0, 0)
