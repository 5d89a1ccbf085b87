"""kittidet.steps.code: a step's higher version is other code."""

import pytest

from kittidet.steps import code, evaluate, split, train


@pytest.mark.parametrize("step", [split, train, evaluate])
def test_a_changed_step_is_other_code(step, monkeypatch):
    before = code.code_digest()
    assert code.code_digest() == before
    monkeypatch.setattr(step, "VERSION", step.VERSION + 1)
    assert code.code_digest() != before
