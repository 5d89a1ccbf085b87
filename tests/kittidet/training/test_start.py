"""Weights to start from are found by name or place, and named by their bytes."""

from pathlib import Path

import pytest

from kittidet.config import ModelConfig, TrainConfig
from kittidet.errors import ConfigError
from kittidet.presets import STARTER
from kittidet.training.start import find_initial_weights, has_initial_weights, name_initial_weights

D2 = ModelConfig(variant="d2")


@pytest.mark.parametrize("name", [None, "coco", "starter", Path("some/where")])
def test_a_start_has_a_name_or_a_place(monkeypatch, tmp_path, name):
    monkeypatch.setattr("kittidet.training.start.fetch_pretrained", lambda variant: tmp_path / variant)
    expected = {None: None, "coco": tmp_path / "d2", "starter": STARTER}
    assert find_initial_weights(TrainConfig(initial_weights=name), D2) == expected.get(name, name)


def test_published_weights_are_named_without_being_fetched():
    assert name_initial_weights(TrainConfig(initial_weights="coco"), D2) == "coco d2"
    assert name_initial_weights(TrainConfig(initial_weights=None), D2) is None


def test_own_weights_are_named_by_their_bytes_wherever_they_are(tmp_path):
    for name, content in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / name).write_text(content)
    a, b, c = (name_initial_weights(TrainConfig(initial_weights=tmp_path / name), D2) for name in "abc")
    assert a == b != c


def test_absent_weights_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none.*train\.initial_weights"):
        name_initial_weights(TrainConfig(initial_weights=tmp_path / "none"), D2)


def test_weights_are_here_once_the_cache_has_them(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    coco = TrainConfig(initial_weights="coco")
    assert not has_initial_weights(coco, D2)
    (tmp_path / "kittidet" / "pretrained" / "efficientdet-d2").mkdir(parents=True)
    assert has_initial_weights(coco, D2)
    assert not has_initial_weights(coco, ModelConfig(variant="d0"))


@pytest.mark.parametrize(("weights", "here"), [(None, True), ("starter", True), (Path("no/where"), False)])
def test_random_and_bundled_weights_are_always_here(weights, here):
    assert has_initial_weights(TrainConfig(initial_weights=weights), D2) is here
