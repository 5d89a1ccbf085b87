"""tasks.retraining: the library's steps, one call each; outside of a run nothing is sent."""

import pytest

from kittidet.steps.fetch import fetch
from kittidet.steps.retrain import retrain
from kittidet.steps.validate import validate
from kittidet.store import Store


@pytest.fixture
def planned(graded_training, growing_config, grow):
    from tasks.retraining import plan

    retrain(growing_config)
    grow()
    store = Store(growing_config.store_dir)
    dataset = fetch(store, growing_config.source)
    validation = validate(store, dataset, growing_config.validation, growing_config.records)
    return store, dataset, plan.fn(store.root, growing_config, dataset, validation)


def test_the_tasks_return_what_the_steps_do(planned, growing_config):
    from kittidet.steps.pipeline import run_pipeline
    from tasks.retraining import drift, judge

    store, dataset, plan = planned
    assert plan.is_needed
    assert drift.fn(store.root, plan, dataset).new_frames == 2
    outcome = judge.fn(store.root, plan, run_pipeline(plan.config))
    assert outcome.kind == "kept"
    assert outcome.challenger == 2


def test_a_plan_and_its_outcome_can_be_passed_as_json(planned):
    from kittidet.steps.plan import Plan

    plan = planned[2]
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


@pytest.mark.parametrize("worse", [None, "street version 2 is worse."])
def test_dropped_ap_is_an_event_of_its_own(monkeypatch, worse, tmp_path):
    from kittidet.steps.judge import Outcome
    from tasks import retraining

    sent = {}
    outcome = Outcome(kind="kept", model="street", champion=1, challenger=2, ap=0.4, worse=worse, sentence="kept")
    monkeypatch.setattr(retraining, "judge_step", lambda *_given, progress: outcome)
    monkeypatch.setattr(retraining, "send_event", lambda name, _model, payload: sent.update({name: payload}))
    assert retraining.judge.fn(tmp_path, None, None) == outcome
    told = {"model.kept": "kept"} | ({} if worse is None else {"model.ap-dropped": worse})
    assert {name: payload["sentence"] for name, payload in sent.items()} == told
    assert {payload["ap"] for payload in sent.values()} == {0.4}


def test_no_event_is_sent_outside_of_a_run(monkeypatch):
    from tasks import retraining

    monkeypatch.setattr(retraining, "emit_event", lambda *_args, **_more: pytest.fail("sent"))
    retraining.send_event("model.kept", "m", {})
    assert not retraining.is_in_run()
