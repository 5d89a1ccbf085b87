"""Every key a person may set, by its dotted name: type, default, meaning; and what a misspelt one may stand for."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

from kittidet.config import RunConfig
from kittidet.section import Section


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """One value that can be set.

    Attributes:
        name: dotted, such as ``train.epochs``.
        type: as a person would say it; allowed words stand in backticks.
        default: empty where nothing is set.
        meaning: what it does, with its unit.
    """

    name: str
    type: str
    default: str
    meaning: str


def config_keys(section: type[Section] = RunConfig, prefix: str = "") -> Iterator[ConfigKey]:
    """Yield each key below a section, in the order of the sections."""
    for name, field in section.model_fields.items():
        nested = field.annotation
        if isinstance(nested, type) and issubclass(nested, Section):
            yield from config_keys(nested, f"{prefix}{name}.")
        else:
            default = "" if field.default is None or field.default_factory else str(field.default)
            yield ConfigKey(f"{prefix}{name}", _type_name(nested), default, field.description or "")


def similar_keys(name: str) -> list[str]:
    """Return the keys and sections that a person may have meant, the likeliest first; empty if none comes close."""
    keys = [key.name for key in config_keys()]
    sections = sorted({key.rpartition(".")[0] for key in keys} - {""})
    # A key without its section is an exact hit: `epochs` for `train.epochs`.
    last = name.rpartition(".")[2]
    exact = [key for key in keys if key.rpartition(".")[2] == last]
    close = get_close_matches(name, [*keys, *sections], n=3, cutoff=0.75)
    return list(dict.fromkeys([*exact, *close]))[:3]


def _type_name(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    if annotation is type(None):
        return "none"
    parts = [part for part in get_args(annotation) if part is not Ellipsis]
    if get_origin(annotation) in {tuple, dict}:
        return f"{get_origin(annotation).__name__} of {', '.join(_type_name(p) for p in parts)}"
    if hasattr(annotation, "__metadata__"):
        return _type_name(parts[0])
    return ", ".join(_type_name(part) for part in parts) or annotation.__name__
