"""kittidet.detect.warm: checkpoints of one model share a network, and never each other's weights."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from kittidet.config import EvalConfig
from kittidet.detect import warm

CONFIG = EvalConfig()


@pytest.fixture
def keeper(monkeypatch):
    """A keeper whose networks are lists that hold the name of their weights; folder names start with the model."""

    def load(path: Path, reuse: SimpleNamespace | None) -> SimpleNamespace:
        model, weights = path.name.split("-")
        network = reuse.network if reuse is not None and reuse.model == model else []
        network[:] = [weights]
        return SimpleNamespace(network=network, model=model)

    made = []

    def compile_it(detector: SimpleNamespace, config: EvalConfig) -> SimpleNamespace:
        made.append((detector.model, config))
        return SimpleNamespace(network=detector.network)

    monkeypatch.setattr(warm, "load_detector", load)
    monkeypatch.setattr(warm, "Predictor", compile_it)
    return SimpleNamespace(load=warm.DetectorKeeper().load, made=made)


def test_checkpoints_of_one_model_are_compiled_once(keeper):
    for weights in ("1", "2", "3"):
        found = keeper.load(Path(f"d0-{weights}"), config=CONFIG)
        assert found.predictor.network == [weights]
    assert keeper.made == [("d0", CONFIG)]


def test_another_model_or_another_scoring_is_compiled_anew(keeper):
    keeper.load(Path("d0-1"), config=CONFIG)
    keeper.load(Path("d1-1"), config=CONFIG)
    hard = EvalConfig(nms="hard")
    assert keeper.load(Path("d1-2"), config=hard).config == hard
    assert keeper.made == [("d0", CONFIG), ("d1", CONFIG), ("d1", hard)]


def test_a_checkpoint_that_cannot_be_loaded_leaves_nothing_half_exchanged(keeper, monkeypatch):
    first = keeper.load(Path("d0-1"), config=CONFIG)

    def fail(path, reuse):
        reuse.network[:] = ["half"]
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(warm, "load_detector", fail)
        with pytest.raises(OSError):
            keeper.load(Path("d0-2"), config=CONFIG)
    again = keeper.load(Path("d0-3"), config=CONFIG)
    assert again.predictor.network is not first.predictor.network
    assert again.predictor.network == ["3"]
