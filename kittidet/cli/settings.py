"""``kittidet config``: shows the configuration that results from a preset, a file and overrides."""

import sys

from kittidet.cli.options import ConfigFile, DataDir, Overrides, Preset, resolve_config
from kittidet.presets import DEFAULT_PRESET


def config(
    overrides: Overrides = None, file: ConfigFile = None, preset: Preset = DEFAULT_PRESET, data: DataDir = None
) -> None:
    """Print the resolved configuration as YAML, which --config accepts."""
    import yaml

    resolved = resolve_config(preset, file, data, overrides)
    yaml.safe_dump(resolved.model_dump(mode="json"), sys.stdout, sort_keys=False)
