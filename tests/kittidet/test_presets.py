"""kittidet.presets: the published runs, by name."""

import pytest

from kittidet.config import VARIANTS
from kittidet.config_file import load_run_config
from kittidet.errors import ConfigError
from kittidet.presets import PRESETS, STARTER, preset


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_preset_is_a_valid_config_of_its_own_name(name):
    config = preset(name)
    assert load_run_config(config) == config
    assert config.model.variant in VARIANTS
    assert config.name == name.replace("_", "-")


def test_runs_on_real_data_are_fine_tunes_of_the_published_weights():
    for name in ("kitti_d0", "kitti_d2"):
        assert (preset(name).source.kind, preset(name).train.initial_weights) == ("official", "coco")


def test_the_demo_needs_nothing_from_the_network():
    demo = preset("demo")
    assert (demo.source.kind, demo.train.initial_weights) == ("synthetic", "starter")
    assert (STARTER / "detector.json").is_file()


def test_an_unknown_preset_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"'kitti_d9': expected one of kitti_d0, kitti_d2, demo"):
        preset("kitti_d9")
