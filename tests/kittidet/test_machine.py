"""kittidet.machine: cores and accelerators, from the system alone."""

import os

import psutil
import pytest

from kittidet import machine
from kittidet.machine import describe_load, usable_memory


def test_cores_are_those_that_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert machine.usable_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert machine.usable_cores() == os.cpu_count()


def test_an_accelerator_is_named_as_its_driver_does(tmp_path, monkeypatch):
    card = tmp_path / "0000:01:00.0" / "information"
    card.parent.mkdir()
    card.write_text("Model: \t\t NVIDIA T4\nIRQ:   \t\t 33\n")
    monkeypatch.setattr(machine, "Path", lambda _: tmp_path)
    assert machine.find_accelerators() == ["NVIDIA T4"]


def test_without_a_driver_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "Path", lambda _: tmp_path / "absent")
    assert machine.find_accelerators() == []


@pytest.mark.parametrize(
    ("text", "limited"), [("123456789\n", True), ("max\n", False), ("9223372036854771712\n", False), (None, False)]
)
def test_memory_is_the_machines_or_a_containers_limit(tmp_path, text, limited):
    file = tmp_path / "memory.max"
    if text is not None:
        file.write_text(text)
    total = psutil.virtual_memory().total
    assert usable_memory((file,)) == (123456789 if limited else total)
    assert usable_memory() <= total


def test_the_load_stands_beside_the_times():
    assert "processors, load" in describe_load()
