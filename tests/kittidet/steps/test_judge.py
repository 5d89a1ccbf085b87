"""kittidet.steps.judge: the champion is scored where the challenger is, and somebody else's promotion stands."""

import pytest

from kittidet.config_file import load_run_config
from kittidet.errors import PromotionLostError
from kittidet.registry.records import Decision
from kittidet.registry.registry import Registry
from kittidet.steps.judge import _worse, unchanged
from kittidet.steps.plan import Plan
from kittidet.steps.retrain import retrain


def test_on_the_same_frames_the_champion_is_not_looked_at_again(graded_training, growing_config):
    retrain(growing_config)
    before = graded_training["frames"]
    n_val = Registry(growing_config.store_dir).champion("street").n_val
    retrain(load_run_config(growing_config, overrides=("train.epochs=1",)))
    assert graded_training["frames"] - before == n_val


def test_on_corrected_labels_both_are_scored(graded_training, growing_config, tmp_path):
    retrain(growing_config)
    before, n_val = graded_training["frames"], Registry(growing_config.store_dir).champion("street").n_val
    frame = (tmp_path / "runs" / "street" / "val.txt").read_text().split()[0]
    label = tmp_path / "data" / "training" / "label_2" / f"{frame}.txt"
    label.write_text("\n".join(label.read_text().splitlines()[1:]) + "\n")
    outcome = retrain(growing_config)
    assert outcome.kind == "kept"
    assert f"AP on {n_val} frames" in outcome.sentence
    assert graded_training["frames"] - before == 2 * n_val


def test_a_promotion_in_between_stands(graded_training, growing_config, monkeypatch):
    retrain(growing_config)
    registry = Registry(growing_config.store_dir)
    retrain(load_run_config(growing_config, overrides=("train.epochs=1",)))
    decide = Registry.decide

    def be_faster(self, model, make):
        registry.promote("street", 2, reason="by hand")
        return decide(self, model, make)

    monkeypatch.setattr(Registry, "decide", be_faster)
    with pytest.raises(PromotionLostError, match=r"version 2 became the champion .*: by hand"):
        retrain(load_run_config(growing_config, overrides=("train.epochs=30",)))
    assert registry.champion("street").version == 2


@pytest.mark.parametrize(("upper_bound", "is_worse"), [(-0.0121, True), (0.0, False), (0.02, False), (None, False)])
def test_ap_dropped_where_the_whole_interval_lies_below_the_champion(upper_bound, is_worse):
    decision = Decision(
        look=1,
        model="street",
        champion=1,
        challenger=2,
        promote=False,
        rule="better",
        margin=0,
        level=0.001,
        difference=-0.031,
        lower_bound=-0.05,
        upper_bound=upper_bound,
        n_frames=1496,
        sentence="kept",
    )
    said = "street version 2 is worse than the champion, version 1, which stays: surely below -1.21 AP on 1496 frames."
    assert _worse(decision) == (said if is_worse else None)


def test_a_plan_with_something_to_do_is_not_unchanged(growing_config):
    plan = Plan(config=growing_config, settings="", champion=1, is_needed=True, sentence="")
    with pytest.raises(ValueError, match="nothing to do"):
        unchanged(plan)
    assert unchanged(plan.model_copy(update={"is_needed": False})).champion == 1
