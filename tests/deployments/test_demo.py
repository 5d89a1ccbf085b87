"""deployments.demo: one command, the AP table at its end, and nothing to compute the second time."""

import logging
import subprocess
import sys

import pytest

from deployments import demo as module
from deployments.demo import demo
from deployments.local.server import Server

SMALL = ["source.synthetic_frames=10", "source.synthetic_seed=3", "train.initial_weights=null"]


@pytest.fixture
def server(prefect_server, monkeypatch, tmp_path):
    monkeypatch.setenv("KITTIDET_HOME", str(tmp_path))
    monkeypatch.setattr(module, "ensure_server", lambda project, *, port, host: Server(prefect_server, started=False))
    return prefect_server


def test_the_demo_ends_in_scores_folder_and_address_and_is_cached_the_second_time(
    server, fake_training, capsys, tmp_path
):
    demo(SMALL)
    first = capsys.readouterr().out.replace("\n", " ")
    assert "0.500" in first
    assert f"{tmp_path / 'runs' / 'demo' / 'weights' / 'best'}" in first
    assert server.removesuffix("/api") in first
    assert "kittidet down" in first
    assert fake_training == {"train": 1, "evaluate": 3}

    handlers = list(logging.getLogger().handlers)
    demo(SMALL)
    assert logging.getLogger().handlers == handlers
    assert "nothing to compute" in capsys.readouterr().out
    assert fake_training == {"train": 1, "evaluate": 3}


def test_a_run_that_fails_ends_the_command_with_its_error(server, fake_training):
    from kittidet.errors import DatasetContractError

    with pytest.raises(DatasetContractError, match="expected at least 2"):
        demo(["source.synthetic_frames=1", "train.initial_weights=null"])


def test_the_server_it_started_is_stopped_where_asked_even_after_an_error(server, fake_training, monkeypatch):
    from kittidet.errors import ConfigError

    stopped = []
    monkeypatch.setattr(module, "ensure_server", lambda project, *, port, host: Server(server, started=True))
    monkeypatch.setattr("deployments.local.processes.Background.stop", lambda self: stopped.append(self.name))
    with pytest.raises(ConfigError, match="no_such"):
        demo(["no_such=1"], stop=True)
    assert stopped == ["server"]


def test_prefect_is_not_loaded_before_the_project_s_settings_are_made():
    code = "import deployments.demo, deployments.local.stack, sys; print('prefect' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
