import time

import pytest

from kittidet.export.latency import set_tensorflow_threads, time_in_turns


def test_contenders_take_turns_and_the_first_rounds_do_not_count():
    calls = []
    slow_at_first = iter([0.05, 0.05, 0.05, 0.0, 0.0, 0.004])

    def first():
        calls.append("a")
        time.sleep(next(slow_at_first))

    times = time_in_turns({"a": first, "b": lambda: calls.append("b")}, rounds=3)
    assert calls == ["a", "b"] * 6
    assert times["a"].best_ms <= times["a"].median_ms < 40
    assert times["b"].best_ms < 4


def test_no_round_is_no_measurement():
    with pytest.raises(ValueError, match="rounds >= 1"):
        time_in_turns({}, rounds=0)


def test_threads_of_a_tensorflow_that_has_started_are_not_claimed_to_be_set():
    import tensorflow as tf

    tf.constant(1) + 1
    assert set_tensorflow_threads(tf.config.threading.get_intra_op_parallelism_threads() + 1) is False
