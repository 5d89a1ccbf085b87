"""kittidet.cli.settings: what is printed can be given back."""

from kittidet.cli.options import resolve_config
from kittidet.cli.settings import config
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
