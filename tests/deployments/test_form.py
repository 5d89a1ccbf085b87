"""deployments.form: who opens the configuration in the pages finds the preset there, with limits and choices."""

import copy
import json
from importlib import import_module

import pytest

from deployments.form import with_defaults
from kittidet.config import VARIANTS, RunConfig
from kittidet.presets import PRESETS, preset


@pytest.fixture(scope="module")
def schema() -> dict:
    from flows.kitti_finetune import kitti_finetune

    return kitti_finetune.parameters.model_dump()


def shown(schema: dict, name: str = "RunConfig") -> dict:
    """What a form shows of a section: the defaults of its fields, those of a nested section being in its own."""
    fields = schema["definitions"][name]["properties"]
    return {
        key: shown(schema, field["$ref"].rpartition("/")[2]) if "$ref" in field else field["default"]
        for key, field in fields.items()
    }


@pytest.mark.parametrize("name", PRESETS)
def test_an_opened_form_shows_the_preset_s_values(schema, name):
    form = with_defaults(schema, preset(name))
    assert RunConfig.model_validate(shown(form)) == preset(name)
    # The same beside the reference, from where other readers of a schema take them.
    assert {key: field["default"] for key, field in form["definitions"]["RunConfig"]["properties"].items()} == preset(
        name
    ).model_dump(mode="json")


def test_the_configuration_stays_closed_at_first_and_the_given_schema_as_it_is(schema):
    before = copy.deepcopy(schema)
    form = with_defaults(schema, preset("demo"))
    assert schema == before
    assert form["properties"] == schema["properties"]
    assert form["properties"]["config"]["default"] is None


def test_a_choice_of_one_word_is_offered_as_a_choice(schema):
    """The pages say of a constant that it cannot be changed, which "auto" beside a number can."""
    form = with_defaults(schema, preset("demo"))
    number, word = form["definitions"]["TrainConfig"]["properties"]["micro_batch"]["anyOf"]
    assert number["type"] == "integer"
    assert word == {"enum": ["auto"], "type": "string"}
    assert '"const"' not in json.dumps(form)


def test_choices_and_limits_are_in_the_form_and_every_field_is_explained(schema):
    sections = schema["definitions"]
    assert sections["ModelConfig"]["properties"]["variant"]["enum"] == list(VARIANTS)
    assert sections["TrainConfig"]["properties"]["optimizer"]["enum"] == ["sgd", "adamw"]
    assert sections["TrainConfig"]["properties"]["epochs"]["minimum"] == 1
    assert sections["SplitConfig"]["properties"]["val_share"]["maximum"] == 1
    for name, section in sections.items():
        assert section["description"], name
        for key, field in section["properties"].items():
            assert "$ref" in field or field["description"], f"{name}.{key}"
    assert all(field["description"] for field in schema["properties"].values())


@pytest.mark.parametrize(
    "parameters",
    [
        {"config": {"source": {"base_url": "https://me:hunter2@host/"}}},
        {"overrides": ["train.epochs=3", "source.base_url=https://me:hunter2@host/"]},
    ],
)
@pytest.mark.parametrize("flow", ["kitti_finetune", "kitti_retrain"])
def test_a_server_refuses_a_password_in_an_address_before_it_keeps_the_run(flow, parameters):
    from prefect.utilities.schema_tools.validation import ValidationError, validate

    schema = getattr(import_module(f"flows.{flow}"), flow).parameters.model_dump()

    with pytest.raises(ValidationError, match="does not match"):
        validate(parameters, schema, raise_on_error=True, ignore_required=True)
    good = {"config": {"source": {"base_url": "https://host/a@b/"}}, "overrides": ["source.path=/data/a@b"]}
    validate(good, schema, raise_on_error=True, ignore_required=True)
