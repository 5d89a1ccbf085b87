"""How long a forward pass takes: contenders of one process timed in turns.

On a machine that others use too, times of one program swing by a factor of two within a minute. Rounds that go through
all contenders hit all alike; the best time says what the machine can do, the median what it did.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import tensorflow as tf

# The first passes allocate, and choose kernels.
WARM = 3


@dataclass(frozen=True, slots=True)
class Timing:
    """Times of one contender.

    Attributes:
        best_ms: the shortest.
        median_ms: of all rounds.
    """

    best_ms: float
    median_ms: float


def time_in_turns(
    contenders: Mapping[str, Callable[[], object]], *, rounds: int, warm: int = WARM
) -> dict[str, Timing]:
    """Return the times of each contender, by name, after some rounds that are not counted.

    Raises:
        ValueError: without a round to count.
    """
    if rounds < 1:
        raise ValueError(f"time_in_turns: expected rounds >= 1, got {rounds}")
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(warm + rounds):
        for name, run in contenders.items():
            started = time.perf_counter()
            run()
            times[name].append(1000 * (time.perf_counter() - started))
    counted = {name: taken[warm:] for name, taken in times.items()}
    return {name: Timing(min(taken), statistics.median(taken)) for name, taken in counted.items()}


def set_tensorflow_threads(threads: int) -> bool:
    """Return whether TensorFlow now computes with so many threads: only before its first operation can it be told."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        return tf.config.threading.get_intra_op_parallelism_threads() == threads
    return True
