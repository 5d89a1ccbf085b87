"""Builds a configuration from a preset and, each on top of the last, changes, a JSON or YAML file, dotted overrides."""

from collections.abc import Sequence
from pathlib import Path
from reprlib import Repr
from typing import Any

from pydantic import ValidationError

from kittidet.config import RunConfig
from kittidet.config_keys import similar_keys
from kittidet.errors import ConfigError
from kittidet.limits import check_limits
from kittidet.masking import masked
from kittidet.plain_yaml import load_json, load_value, load_yaml

# What was got, as a message shows it: a few entries of a long list, the first hundred letters of a long text.
_SHORT = Repr()
_SHORT.maxstring = _SHORT.maxother = 100
_SHORT.maxlevel = 3


def load_run_config(
    base: RunConfig, file: Path | None = None, overrides: Sequence[str] = (), *, changes: RunConfig | None = None
) -> RunConfig:
    """Return ``base`` with the changes, then a file's values, then dotted overrides, applied on top.

    Args:
        base: the preset to start from.
        file: a ``.json``, ``.yaml`` or ``.yml`` file with any part of a ``RunConfig``.
        overrides: ``section.key=value`` strings; the value is a list or mapping in brackets, a number, ``true``,
            ``false``, ``null``, quoted text, or text as it stands (``name=2026-11-27``).
        changes: a configuration of which only what was given when it was made counts, not its defaults.

    Raises:
        ConfigError: listing every wrong key or value, with what was expected; or naming a folder or host that is not
            allowed on this machine.
    """
    values = base.model_dump(mode="json")
    if changes is not None:
        _merge(values, changes.model_dump(mode="json", exclude_unset=True))
    if file is not None:
        _merge(values, _current_names(_read_mapping(file), where=str(file)))
    for text in overrides:
        key, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"override {masked(_SHORT.repr(text))}: expected key=value, for example train.epochs=3.")
        try:
            nested = load_value(value)
        except ValueError as error:
            raise ConfigError(f"override {masked(_SHORT.repr(text))}: the value is not valid YAML: {error}") from error
        for part in reversed(key.split(".")):
            nested = {part: nested}
        _merge(values, _current_names(nested, where=f"override {masked(_SHORT.repr(text))}"))
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        lines = [f"  {_describe(entry)}" for entry in error.errors()]
        raise ConfigError(masked("the configuration has wrong entries:\n" + "\n".join(lines))) from error
    check_limits(config)
    return config


def _describe(entry: Any) -> str:
    name = ".".join(map(str, entry["loc"]))
    if entry["type"] == "extra_forbidden":
        meant = similar_keys(name)
        hint = f"did you mean {' or '.join(meant)}?" if meant else "`kittidet config --explain` lists every key."
        return f"{name}: there is no such key; {hint} (got {_SHORT.repr(entry['input'])})"
    return f"{name}: {entry['msg'].removeprefix('Value error, ')} (got {_SHORT.repr(entry['input'])})"


def _read_mapping(file: Path) -> dict[str, Any]:
    if file.suffix not in {".json", ".yaml", ".yml"}:
        raise ConfigError(f"{file}: expected a .json, .yaml or .yml file.")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{file}: cannot read the configuration file: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: expected UTF-8 text, got invalid bytes at offset {error.start}.") from error
    try:
        loaded = (load_json if file.suffix == ".json" else load_yaml)(text)
    except ValueError as error:
        raise ConfigError(f"{file}: not valid {file.suffix[1:]}: {error}") from error
    if not isinstance(loaded, dict):
        raise ConfigError(f"{file}: expected a mapping of sections, got {type(loaded).__name__}.")
    return loaded


def _current_names(values: dict[str, Any], *, where: str) -> dict[str, Any]:
    try:
        names: dict[str, Any] = RunConfig.current_names(values)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}.") from error
    return names


def _merge(into: dict[str, Any], new: dict[str, Any]) -> None:
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
