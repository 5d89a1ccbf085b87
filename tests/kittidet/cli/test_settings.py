"""kittidet.cli.settings: what is printed can be given back, and every key is explained."""

import pytest

from kittidet.cli.options import resolve_config
from kittidet.cli.settings import config
from kittidet.config_keys import config_keys
from kittidet.errors import ConfigError
from kittidet.presets import STARTER, preset


def test_the_printed_configuration_loads_as_itself(capsys, tmp_path):
    config(["train.epochs=3", "source.kind=synthetic"], None, "demo", None)
    file = tmp_path / "printed.yaml"
    file.write_text(capsys.readouterr().out)
    assert resolve_config("kitti_d0", file, None, None) == resolve_config(
        "demo", None, None, ["train.epochs=3", "source.kind=synthetic"]
    )


def test_the_starters_recipe_begins_at_random_on_its_own_canvas():
    recipe = resolve_config("kitti_d0", STARTER.parent / "recipe.yaml", None, None)
    assert recipe.train.initial_weights is None
    assert recipe.model == preset("demo").model


def explained(names, capsys):
    config(names, None, "kitti_d0", None, explain=True)
    return capsys.readouterr().out


def test_every_key_is_explained(capsys):
    text = explained(None, capsys)
    assert [key.name for key in config_keys() if f"{key.name}  " not in text or key.meaning not in text] == []


def test_a_section_or_a_key_is_explained_alone(capsys):
    text = explained(["train.augment", "split.seed"], capsys)
    lines = [line.split()[0] for line in text.splitlines() if not line.startswith(" ")]
    augment = [f"train.augment.{name}" for name in ("flip", "scale_min", "scale_max", "colour")]
    assert lines == [*augment, "split.seed"]
    assert "split.seed  int; default 0\n    random80 and drive: random seed\n" in text


def test_an_unknown_section_is_an_error_with_a_suggestion():
    with pytest.raises(ConfigError, match=r"trainn: .*Did you mean train or retrain\?"):
        config(["trainn"], None, "kitti_d0", None, explain=True)
