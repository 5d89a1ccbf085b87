"""kittidet.cli.options: preset, file, --data and overrides, laid over each other in that order."""

from pathlib import Path

import pytest

from kittidet.cli.options import resolve_config
from kittidet.errors import ConfigError
from kittidet.presets import kitti_d0


def test_a_preset_alone_is_itself():
    assert resolve_config("kitti_d0", None, None, None) == kitti_d0()


def test_data_is_short_for_a_folder_source():
    config = resolve_config("kitti_d0", None, Path("/my data: 'x' \"y\" \\\\z/kitti"), None)
    assert (config.source.kind, config.source.path) == ("folder", Path("/my data: 'x' \"y\" \\\\z/kitti"))


def test_an_override_wins_over_data_and_data_over_the_file(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("source: {kind: drawn, path: /file}\ntrain: {epochs: 2}\n")
    config = resolve_config("kitti_d0", file, Path("/data"), ["train.epochs=3"])
    assert (config.source.kind, config.source.path, config.train.epochs) == ("folder", Path("/data"), 3)


def test_an_unknown_preset_is_named():
    with pytest.raises(ConfigError, match="kitti_d9"):
        resolve_config("kitti_d9", None, None, None)
