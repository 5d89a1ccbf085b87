"""Which devices share a batch: all GPUs or the processor, or as many as are asked for."""

import json
from types import SimpleNamespace

import pytest
import tensorflow as tf

from kittidet.config import TrainConfig
from kittidet.errors import ConfigError
from kittidet.training.devices import choose_devices


@pytest.fixture
def machine(monkeypatch):
    """Return a function that lets TensorFlow see so many GPUs and logical processors."""

    def has(gpus=0, processors=1):
        there = {"GPU": gpus, "CPU": processors}

        def devices(kind):
            return [SimpleNamespace(name=f"/device:{kind}:{i}") for i in range(there[kind])]

        monkeypatch.setattr(tf.config, "list_physical_devices", devices)
        monkeypatch.setattr(tf.config, "list_logical_devices", devices)

    return has


@pytest.mark.parametrize(
    ("gpus", "processors", "asked", "expected"),
    [
        (0, 1, "auto", ("CPU:0",)),
        (0, 2, "auto", ("CPU:0",)),
        (0, 2, 2, ("CPU:0", "CPU:1")),
        (1, 1, "auto", ("GPU:0",)),
        (4, 1, "auto", ("GPU:0", "GPU:1", "GPU:2", "GPU:3")),
        (4, 1, 2, ("GPU:0", "GPU:1")),
        (4, 1, 1, ("GPU:0",)),
    ],
)
def test_auto_is_every_gpu_or_one_processor_and_a_number_is_so_many(machine, gpus, processors, asked, expected):
    machine(gpus, processors)
    assert choose_devices(TrainConfig(batch_size=16, devices=asked)) == expected


def test_auto_takes_as_many_gpus_as_divide_the_batch_and_says_so(machine, caplog):
    machine(gpus=4)
    assert choose_devices(TrainConfig(batch_size=6)) == ("GPU:0", "GPU:1", "GPU:2")
    assert "train.batch_size 6 is shared by 3 of 4 GPUs" in caplog.text


def test_a_number_that_does_not_divide_the_batch_is_refused_with_one_that_would_do(machine):
    machine(gpus=4)
    with pytest.raises(ConfigError, match=r"train\.devices=4 does not divide train\.batch_size=6.*such as 8"):
        choose_devices(TrainConfig(batch_size=6, devices=4))


def test_more_devices_than_there_are_are_refused(machine):
    machine(gpus=0)
    with pytest.raises(ConfigError, match=r"train\.devices=2: expected so many devices, found 1 \(CPU:0\)"):
        choose_devices(TrainConfig(devices=2))


def test_several_processes_that_would_train_together_are_refused(machine, monkeypatch):
    machine(gpus=1)
    hosts = ["10.0.0.1:2222", "10.0.0.2:2222"]
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": hosts}, "task": {"type": "worker", "index": 0}}))
    with pytest.raises(ConfigError, match=r"TF_CONFIG names 2 processes .* expected one\. .* Unset TF_CONFIG"):
        choose_devices(TrainConfig())
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": {"worker": hosts[:1]}}))
    assert choose_devices(TrainConfig()) == ("GPU:0",)


@pytest.mark.parametrize("text", ["{", "[1]", '{"cluster": 3}', '{"cluster": {"worker": 1}}'])
def test_a_list_of_machines_that_cannot_be_read_is_refused(machine, monkeypatch, text):
    machine(gpus=1)
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ConfigError, match="TF_CONFIG: expected a JSON object with a cluster"):
        choose_devices(TrainConfig())
