"""How long the fuzz targets run and what each may use; `make test-fuzz` runs them, `make test` does not.

``KITTIDET_FUZZ_SECONDS`` is the time for all of them, 120 by default. An input that a target fails on is printed, and
kept in `.hypothesis`, from where the next session starts with it; once mended, it becomes a test of its reader.
"""

import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kittidet.errors import KittidetError

SECONDS = float(os.environ.get("KITTIDET_FUZZ_SECONDS", "120"))
# Of one input: time, and memory beyond what the process has when its target starts.
INPUT_SECONDS = 5
INPUT_BYTES = 2 << 30
EXAMPLES = 20
# Finds the smallest input that fails the same way: minutes each, for when one is looked into.
SHRINK = [Phase.shrink] if "KITTIDET_FUZZ_SHRINK" in os.environ else []

Reader = Callable[[Any], object]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.fuzz)


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Let a reader that takes what a header claims fail with MemoryError instead of filling the machine."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + INPUT_BYTES, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.fixture
def fuzz(request: pytest.FixtureRequest, little_memory: None) -> Callable[..., None]:
    """Return a function: inputs, a reader -> the reader read them, or refused them by an error of the library."""
    targets = sum(1 for item in request.session.items if "fuzz" in item.fixturenames)

    def run(inputs: st.SearchStrategy[Any], read: Reader, *, wrong_use: tuple[type[Exception], ...] = ()) -> None:
        @settings(
            max_examples=EXAMPLES,
            deadline=1000 * INPUT_SECONDS,
            phases=[Phase.explicit, Phase.reuse, Phase.generate, *SHRINK],
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        )
        @given(inputs)
        def only_errors_of_the_library(value: Any) -> None:
            try:
                read(value)
            except (KittidetError, *wrong_use) as error:
                assert 0 < len(str(error)) < 100_000

        end = time.monotonic() + SECONDS / max(1, targets)
        while True:
            only_errors_of_the_library()
            if time.monotonic() >= end:
                return

    return run
