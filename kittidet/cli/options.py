"""Options shared by several verbs, and the configuration they result in."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from kittidet.presets import PRESETS, preset

ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="JSON or YAML file with any part of the configuration.")
]
Preset = Annotated[str, typer.Option("--preset", "-p", help=f"The published run to start from: {', '.join(PRESETS)}.")]
DataDir = Annotated[
    Path | None, typer.Option("--data", help="KITTI tree, or the folder of its zips (short for source.path=DIR).")
]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="SECTION.KEY=VALUE", help="Dotted overrides, e.g. train.epochs=3.")
]

Like = Annotated[
    Path | None,
    typer.Option("--like", help="Run or checkpoint whose network an exported model of another tool holds."),
]


def named_place(store: str) -> Path | str:
    """Return the folder or URL that ``--store`` names.

    Raises:
        ConfigError: if it is a URL of another kind.
    """
    from kittidet.errors import ConfigError
    from kittidet.store_place import store_place

    try:
        return store_place(store)
    except ValueError as error:
        raise ConfigError(f"--store: {error}.") from error


Extend = Annotated[
    int, typer.Option("--extend", min=0, max=1_000_000, help="Go on for so many epochs after the training has ended.")
]


def resolve_config(preset_name: str, file: Path | None, data: Path | None, overrides: list[str] | None) -> Any:
    """Return the ``RunConfig`` from preset, file, ``--data`` and overrides, applied in that order.

    Raises:
        ConfigError: naming every wrong key or value.
    """
    from kittidet.config_file import load_run_config

    texts = list(overrides or [])
    if data is not None:
        texts = [f"source.path={json.dumps(str(data))}", "source.kind=folder", *texts]
    return load_run_config(preset(preset_name), file, texts)
