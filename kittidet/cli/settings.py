"""``kittidet config``: the configuration that a preset, a file and overrides make, or what its keys mean."""

import sys
from typing import Annotated

import typer

from kittidet.cli.options import ConfigFile, DataDir, Overrides, Preset, resolve_config
from kittidet.errors import ConfigError
from kittidet.presets import DEFAULT_PRESET

Explain = Annotated[
    bool, typer.Option("--explain", help="Print every key, or those of the SECTIONs or keys named after it, instead.")
]


def config(
    overrides: Overrides = None,
    file: ConfigFile = None,
    preset: Preset = DEFAULT_PRESET,
    data: DataDir = None,
    explain: Explain = False,
) -> None:
    """Print the resolved configuration as YAML, which --config accepts; or explain its keys."""
    import yaml

    if explain:
        explain_keys(overrides or [])
        return
    resolved = resolve_config(preset, file, data, overrides)
    yaml.safe_dump(resolved.model_dump(mode="json"), sys.stdout, sort_keys=False)


def explain_keys(names: list[str]) -> None:
    """Print type, default and meaning of each key, or of those in the named sections.

    Raises:
        ConfigError: if a name stands for no key.
    """
    from rich.console import Console
    from rich.text import Text

    from kittidet.config_keys import config_keys, similar_keys

    keys = list(config_keys())
    console = Console(highlight=False)
    for name in names or [""]:
        found = [key for key in keys if f"{key.name}.".startswith(f"{name}." if name else "")]
        if not found:
            meant = similar_keys(name)
            hint = f" Did you mean {' or '.join(meant)}?" if meant else ""
            raise ConfigError(f"{name}: expected a section or key such as train or train.epochs, got neither.{hint}")
        for key in found:
            default = f"default {key.default}" if key.default else "not set by default"
            heading = Text.assemble((key.name, "bold"), f"  {key.type.replace('`', '')}; {default}")
            console.print(heading, f"    {key.meaning}", sep="\n", soft_wrap=True, markup=False)
