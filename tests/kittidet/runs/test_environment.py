import subprocess
import sys

import numpy as np

from kittidet.runs.environment import describe_environment


def test_versions_and_hardware_are_named_without_loading_tensorflow():
    before = "tensorflow" in sys.modules
    facts = describe_environment()
    assert facts["numpy"] == np.__version__
    assert facts["python"].startswith("3.")
    assert "cores" in facts["processor"]
    assert facts["accelerators"]
    assert ("tensorflow" in sys.modules) == before


def test_the_commit_is_that_of_the_working_directory_or_there_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert describe_environment()["commit"].startswith("none: kittidet ")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout
    assert describe_environment()["commit"] == head[:12]
    (tmp_path / "new").write_text("x")
    subprocess.run(["git", "add", "new"], check=True)
    assert describe_environment()["commit"] == f"{head[:12]}-dirty"
