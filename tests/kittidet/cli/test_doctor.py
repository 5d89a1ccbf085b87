"""kittidet.cli.doctor: what is missing is named with the next step."""

import os
from importlib.metadata import version

import pytest
import typer

from kittidet.cli import doctor
from kittidet.store import Store, step_key


def test_this_environment_has_every_required_package():
    assert [f.subject for f in doctor.examine_packages() if not f.ok] == []
    assert "tensorflow" in {f.subject for f in doctor.examine_packages()}


def test_extras_are_not_required():
    assert "jax" not in {f.subject for f in doctor.examine_packages()}


def test_a_missing_and_an_outdated_package_are_named(monkeypatch):
    monkeypatch.setattr(doctor, "requires", lambda _: ["no-such-package-at-all>=1", "numpy<1"])
    missing, old = doctor.examine_packages()
    assert (missing.ok, missing.found) == (False, "not installed")
    assert "no-such-package-at-all" in missing.advice
    assert not old.ok
    assert "numpy<1" in old.advice


def test_a_full_disk_is_told_before_the_download(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10**9})())
    finding = doctor.examine_disk(tmp_path / "not" / "yet")
    assert finding.ok is None
    assert "20 GB" in finding.advice


def test_a_read_only_store_cannot_work(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor.os, "access", lambda *_: False)
    finding = doctor.examine_disk(tmp_path)
    assert finding.ok is False
    assert str(tmp_path) in finding.found


def test_the_deep_look_finds_a_lost_bit_and_names_the_folder_to_delete(tmp_path):
    store = Store(tmp_path / "store")
    paths = [
        store.path(
            store.get_or_make(step_key("a", 1, n=n), lambda folder: (folder / "file").write_text("alpha") and {})
        )
        for n in range(3)
    ]
    stat = (paths[1] / "file").stat()
    (paths[1] / "file").write_text("alphA")
    os.utime(paths[1] / "file", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    (paths[2] / "_output.json").write_text("{}")
    bad, worse, summary = sorted(
        doctor.examine_outputs(store.root), key=lambda f: (f.ok is True, f.subject != paths[1].name)
    )
    assert (bad.ok, worse.ok, summary.ok) == (False, False, True)
    assert str(paths[1] / "file") in bad.found
    assert str(paths[1]) in bad.advice
    assert str(paths[2]) in worse.advice
    assert summary.found.startswith("1 undamaged")


def test_a_store_that_is_not_there_yet_has_nothing_to_look_at(tmp_path):
    (finding,) = doctor.examine_outputs(tmp_path / "not yet")
    assert (finding.ok, finding.found[:1]) == (None, "0")


def test_the_deep_look_is_an_option_of_the_command(tmp_path, monkeypatch, capsys):
    for name in ("packages", "operations"):
        monkeypatch.setattr(doctor, f"examine_{name}", list)
    monkeypatch.setattr(doctor, "examine_accelerators", lambda: doctor.Finding("GPU", None, "none"))
    store = Store(tmp_path)
    folder = store.path(store.get_or_make(step_key("a", 1), lambda folder: {}))
    doctor.doctor(tmp_path, deep=False)
    (folder / "_output.json").write_text("{}")
    doctor.doctor(tmp_path, deep=False)
    with pytest.raises(typer.Exit):
        doctor.doctor(tmp_path, deep=True)


@pytest.mark.parametrize(("code", "text", "ok"), [(0, "2\n", True), (0, "0\n", None), (1, "", False)])
def test_accelerators_are_counted_or_the_failure_is_shown(monkeypatch, code, text, ok):
    done = type("Done", (), {"returncode": code, "stdout": text, "stderr": "no module\nlibcuda is broken"})
    monkeypatch.setattr(doctor.subprocess, "run", lambda *_, **__: done)
    finding = doctor.examine_accelerators()
    assert finding.ok is ok
    assert ("libcuda is broken" in finding.found) == (code == 1)


def test_what_runs_of_prefect_is_part_of_the_answer(monkeypatch):
    line = doctor.Finding("Prefect server", None, "not running")
    monkeypatch.setattr(doctor.operations, "load_operation", lambda name: {"doctor": lambda: [line]}[name])
    assert doctor.examine_operations() == [line]


def test_without_prefects_part_the_library_says_so(monkeypatch):
    monkeypatch.setattr(doctor.operations, "entry_points", lambda **_: ())
    (finding,) = doctor.examine_operations()
    assert finding.ok is None
    assert "pip install" in finding.advice


def test_a_failed_examination_ends_with_exit_code_1(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(doctor, "examine_accelerators", lambda: doctor.Finding("GPU", None, "none", "kittidet[gpu]"))
    monkeypatch.setattr(doctor, "examine_operations", list)
    doctor.doctor(tmp_path)
    assert "kittidet[gpu]" in capsys.readouterr().out
    monkeypatch.setattr(doctor, "examine_python", lambda: doctor.Finding("Python", ok=False, found="3.8"))
    with pytest.raises(typer.Exit):
        doctor.doctor(tmp_path)


def test_the_start_weights_are_in_the_cache_or_it_says_where_to_put_them(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache = tmp_path / "kittidet" / "pretrained"
    absent = doctor.examine_start_weights()
    assert absent.ok is None
    assert f"at {cache / 'efficientdet-d0.tar.gz'}" in absent.advice
    (cache / "efficientdet-d2").mkdir(parents=True)
    assert "efficientdet-d2" in doctor.examine_start_weights().found
    (cache / "efficientdet-d0").mkdir()
    found = doctor.examine_start_weights()
    assert (found.ok, found.advice) == (True, "")
    assert str(cache / "efficientdet-d0") in found.found


def test_versions_and_cores_have_a_line_each(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(doctor, "examine_accelerators", lambda: doctor.Finding("GPU", None, "none"))
    monkeypatch.setattr(doctor, "examine_operations", list)
    doctor.doctor(tmp_path)
    text = capsys.readouterr().out
    lines = {cells[2]: cells[3] for line in text.splitlines() if len(cells := [c.strip() for c in line.split("│")]) > 4}
    assert {"kittidet", "tensorflow", "keras", "prefect", "cores", "start weights"} <= set(lines)
    assert lines["kittidet"] == version("kittidet")
    assert int(lines["cores"]) >= 1


def test_an_object_store_is_asked_whether_it_can_be_used(bucket):
    finding = doctor.examine_object_store(bucket)
    assert finding.ok
    assert bucket in finding.found
    finding = doctor.examine_object_store("s3://no-such-bucket")
    assert not finding.ok
    assert "no such bucket" in finding.advice
