"""tasks.step_result: what crosses a task boundary is JSON and knows no folder."""

import json

from kittidet.store import Store, step_key
from tasks.step_result import StepResult


def test_a_result_stands_for_its_output_in_any_copy_of_the_store(tmp_path):
    key = step_key("split", 1, seed=0)
    output = Store(tmp_path / "a").get_or_make(key, lambda _: {"n_train": 3, "leakage": None})
    result = StepResult.model_validate_json(json.dumps(StepResult.of(output).model_dump(mode="json")))
    assert result == StepResult.of(output)
    there = result.output(Store(tmp_path / "b"))
    assert (there.key, there.path, there.summary) == (key, tmp_path / "b" / key.name, output.summary)
    assert str(tmp_path) not in result.model_dump_json()
