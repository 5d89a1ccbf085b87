"""kittidet.steps.retrain: a first champion, nothing to do, a challenger that wins, and one that does not."""

from pathlib import Path

import pytest

from kittidet.config_file import load_run_config
from kittidet.registry.registry import Registry
from kittidet.steps.retrain import retrain


def with_changes(config, *overrides: str):
    return load_run_config(config, overrides=overrides)


def test_a_model_s_life(graded_training, growing_config, grow):
    registry = Registry(growing_config.store_dir)

    first = retrain(growing_config)
    assert (first.kind, first.champion, first.challenger) == ("first", 1, 1)
    assert first.sentence == "street version 1 is the first champion."

    same = retrain(growing_config)
    assert (same.kind, same.champion, same.challenger) == ("unchanged", 1, None)
    assert same.sentence == "street is unchanged: data, settings and code are those of version 1."
    assert graded_training["train"] == 1

    # A worse recipe: trained once, kept out, and not tried again.
    worse = with_changes(growing_config, "train.epochs=1")
    kept = retrain(worse)
    assert (kept.kind, kept.champion, kept.challenger) == ("kept", 1, 2)
    assert kept.sentence.startswith("street version 1 stays: version 2 has -")
    assert kept.sentence.endswith("where above 0 is asked for (comparison 1, chance of error 0.10%).")
    assert kept.ap == registry.version("street", 2).metrics["ap"].value
    (decision,) = registry.decisions("street")
    assert decision.lower_bound < decision.difference < decision.upper_bound
    assert (kept.worse is not None) is (decision.upper_bound < 0)
    again = retrain(worse)
    assert again.kind == "unchanged"
    assert again.sentence.endswith("those of version 2, which was compared with version 1.")
    assert graded_training["train"] == 2

    # More data and a better recipe: scored on the frames that the champion was scored on.
    grow()
    better = retrain(with_changes(growing_config, "train.epochs=30"))
    assert (better.kind, better.champion, better.challenger) == ("promoted", 3, 3)
    assert "street version 3 takes the place of version 1: +" in better.sentence
    assert "(comparison 2, chance of error 0.10%)" in better.sentence
    versions = registry.versions("street")
    lists = [
        {side: (Path(version.run_path) / f"{side}.txt").read_text().split() for side in ("train", "val")}
        for version in versions
    ]
    assert lists[2]["val"] == lists[0]["val"]
    assert set(lists[2]["train"]) > set(lists[0]["train"])
    assert [v.parent for v in versions] == [None, 1, 1]
    assert [m.version for m in registry.history("street")] == [1, 3]
    assert registry.history("street")[-1].reason == better.sentence

    # What a person rolled back is not promoted again by the next run.
    registry.rollback("street", reason="misses trams")
    after = retrain(with_changes(growing_config, "train.epochs=30"))
    assert (after.kind, after.champion) == ("unchanged", 1)


@pytest.mark.parametrize("moment", ["promote", "decide", "add"])
def test_a_re_training_that_dies_before_it_is_written_down_goes_on_where_it_was(
    graded_training, growing_config, monkeypatch, moment
):
    retrain(growing_config)
    better = with_changes(growing_config, "train.epochs=30")

    def die(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Registry, moment, die)
        with pytest.raises(KeyboardInterrupt):
            retrain(better)
    assert Registry(growing_config.store_dir).champion("street").version == 1
    outcome = retrain(better)
    assert (outcome.kind, outcome.champion) == ("promoted", 2)
    assert "comparison 1" in outcome.sentence
    assert graded_training["train"] == 2


def test_not_worse_lets_an_equal_one_in(graded_training, growing_config):
    retrain(growing_config)
    equal = with_changes(growing_config, "train.seed=1", "retrain.rule=not_worse", "retrain.margin=0.02")
    outcome = retrain(equal)
    assert (outcome.kind, outcome.champion) == ("promoted", 2)
    # A row of these is measured against what began it as well.
    slide = with_changes(growing_config, "train.epochs=1", "retrain.rule=not_worse", "retrain.margin=0.02")
    assert retrain(slide).kind == "kept"


def test_machines_that_share_a_url_go_on_with_each_others_champion(
    graded_training, growing_config, grow, bucket, on_machine, tmp_path
):
    def config(machine: str, *overrides: str):
        on_machine(machine)
        return with_changes(
            growing_config, f"store_dir={bucket}", f"runs_dir={tmp_path / machine / 'runs'}", *overrides
        )

    assert retrain(config("first")).kind == "first"
    assert retrain(config("second")).kind == "unchanged"
    grow()
    better = retrain(config("second", "train.epochs=30"))
    assert (better.kind, better.champion) == ("promoted", 2)
    on_machine("first")
    versions = Registry(bucket).versions("street")
    assert [version.parent for version in versions] == [None, 1]
    assert retrain(config("third", "train.epochs=30")).kind == "unchanged"
    assert graded_training["train"] == 2
