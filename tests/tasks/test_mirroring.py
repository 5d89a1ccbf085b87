"""tasks.mirroring: a task where mirroring is asked for, none where it is not."""

import pytest

from kittidet.config_tracking import TrackingConfig
from tasks import mirroring


@pytest.fixture
def started(monkeypatch) -> list:
    """What tasks were started with."""
    calls: list = []
    for name in ("mirror_run_task", "mirror_model_task"):
        monkeypatch.setattr(mirroring, name, lambda *given, return_state: calls.append((*given, return_state)))
    return calls


def test_a_run_has_no_such_task_unless_it_is_asked_for(started, tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    mirroring.mirror_run(tmp_path, tmp_path / "run", TrackingConfig())
    mirroring.mirror_model(tmp_path, "m", TrackingConfig())
    assert started == []
    asked = TrackingConfig(mlflow="local")
    mirroring.mirror_run(tmp_path, tmp_path / "run", asked)
    mirroring.mirror_model(tmp_path, "m", asked)
    # A state is asked for: a task that takes too long does not fail its run.
    assert started == [(tmp_path, tmp_path / "run", asked, True), (tmp_path, "m", asked, True)]


def test_the_tasks_are_the_steps(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("kittidet.mirror.client.connected", lambda _place: pytest.fail("nothing to send"))
    asked = TrackingConfig(mlflow="off")
    assert mirroring.mirror_run_task.fn(tmp_path, tmp_path / "run", asked) is None
    assert mirroring.mirror_model_task.fn(tmp_path, "m", asked) is None
    assert caplog.text == ""
