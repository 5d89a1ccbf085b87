"""The wheel alone, without the checkout around it: everything is in it, and its commands work from an empty folder."""

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("kittidet", "tasks", "flows", "deployments")


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy with the setuptools that is installed: no network, nothing left in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / "source" / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder / "source")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-deps", "--no-index", "--no-build-isolation", "-w", ".", "./source", cwd=folder)
    return next(folder.glob("kittidet-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The programs of an environment that has the wheel, and sees this one's other packages."""
    folder = tmp_path_factory.mktemp("installed") / "env"
    venv.create(folder)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python)
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=folder)
    # After its own packages; the editable install of the checkout is not followed from here.
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip()
    (Path(site) / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for name in PACKAGES:
        assert Path(run(python, "-c", f"import {name}; print({name}.__file__)", cwd=folder).strip()).is_relative_to(
            site
        )
    return folder / "bin"


@pytest.mark.slow
def test_every_file_of_the_packages_is_in_the_wheel(wheel):
    files = [p for name in PACKAGES for p in (ROOT / name).rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    inside = set(zipfile.ZipFile(wheel).namelist())
    assert {p.relative_to(ROOT).as_posix() for p in files} - inside == set()


@pytest.mark.slow
def test_the_commands_work_from_an_empty_folder(installed, tmp_path):
    out = run(installed / "kittidet", "--help", cwd=tmp_path)
    assert {"synth", "train", "demo", "up"} <= set(out.split())
    run(installed / "kittidet", "synth", "--frames", "2", "--seed", "1", "--out", "synthetic", cwd=tmp_path)
    assert len(list((tmp_path / "synthetic" / "training" / "image_2").iterdir())) == 2
    run(installed / "kittidet", "validate", "--data", "synthetic", cwd=tmp_path)
    assert list((tmp_path / "store").glob("validate-*/findings.csv"))


@pytest.mark.slow
def test_the_operations_are_found_without_the_checkout(installed, tmp_path):
    assert "--no-schedule" in run(installed / "kittidet", "up", "--help", cwd=tmp_path)
    assert "server: was not running" in run(installed / "kittidet", "down", cwd=tmp_path)
