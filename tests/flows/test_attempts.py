"""flows.attempts: a run that dies each time is not started for ever, and has a name."""

import re

import pytest

from flows import attempts
from flows.attempts import MAX_STARTS, check_starts, failed, run_name
from kittidet.config import RunConfig
from kittidet.errors import ConfigError, TrainingError


@pytest.fixture
def flow_run(monkeypatch):
    """Set what Prefect's runtime says of the current run."""

    def become(*, run_count: int = 1, parameters: dict | None = None, name: str = "brave-otter") -> None:
        monkeypatch.setattr(attempts.prefect.runtime.flow_run, "get_name", lambda: name)
        monkeypatch.setattr(attempts.prefect.runtime.flow_run, "get_run_count", lambda: run_count)
        monkeypatch.setattr(attempts.prefect.runtime.flow_run, "get_parameters", lambda: parameters or {})

    return become


@pytest.mark.parametrize("run_count", [0, 1, MAX_STARTS])
def test_a_run_may_start_again_a_few_times(flow_run, run_count):
    flow_run(run_count=run_count)
    check_starts()


def test_then_it_fails_for_good_and_says_what_to_look_for(flow_run):
    flow_run(run_count=MAX_STARTS + 1)
    with pytest.raises(TrainingError, match=rf"started {MAX_STARTS + 1} times.*out of memory.*new run"):
        check_starts()


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({}, "run"),
        ({"preset": "demo", "config": None}, "demo"),
        ({"preset": "demo", "config": RunConfig(name="mine")}, "mine"),
        ({"preset": "demo", "config": {"name": "mine"}}, "mine"),
        ({"preset": "demo", "config": {}}, "demo"),
        ({"preset": "demo", "config": RunConfig()}, "demo"),
    ],
)
def test_a_run_is_called_after_what_it_trains_and_when(flow_run, parameters, name):
    flow_run(parameters=parameters)
    assert re.fullmatch(rf"{name} \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d", run_name())


@pytest.mark.parametrize(
    "name",
    [
        "demo 2026-11-22 18:51:07",
        "first-try",
        "Lazy otter",
        "brave-otter-2",
        "night run",
        "d0",
        "alpha-2",
        "kitti-night-b",
    ],
)
def test_a_run_keeps_the_name_that_a_person_or_its_first_start_gave_it(flow_run, name):
    flow_run(parameters={"preset": "demo"}, name=name)
    assert run_name() == name


def test_every_name_that_prefect_makes_up_is_known_as_such():
    from prefect.utilities.names import generate_slug

    names = [generate_slug(2) for _ in range(2000)] + ["alpha3-braslota-d", "pi-vega-quadrant", "betaxq-zaurac-k"]
    assert [name for name in names if not attempts._is_made_up(name)] == []


def test_a_run_that_cannot_begin_says_why_on_one_line():
    state = failed(ConfigError("the configuration has wrong entries:\n  train.epoch: no\n  name: no"))
    assert state.is_failed()
    assert state.message == "the configuration has wrong entries: train.epoch: no; name: no"
    assert failed(ConfigError("one line.")).message == "one line."
