"""A section of the configuration: frozen, strict about keys, and accepting old names for one version."""

import logging
import re
from collections.abc import Hashable, Mapping
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator, model_validator

log = logging.getLogger(__name__)

_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")


class Section(BaseModel):
    """A frozen section of the configuration that refuses unknown keys and numbers that are not finite.

    Attributes:
        renamed_keys: old key -> current key.
        renamed_values: current key -> old value -> current value.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

    renamed_keys: ClassVar[Mapping[str, str]] = {}
    renamed_values: ClassVar[Mapping[str, Mapping[Any, str]]] = {}

    @classmethod
    def current_names(cls, values: Any) -> Any:
        """Return a mapping with current keys and values, nested sections included; each old one logs a warning.

        Raises:
            ValueError: if a key is given by both its old and its new name.
        """
        if not isinstance(values, Mapping):
            return values
        found = {}
        for key, value in values.items():
            name = cls.renamed_keys.get(key, key)
            if name != key:
                if name in values:
                    raise ValueError(f"{key} is the old name of {name}; give only one of them")
                log.warning("config.renamed key=%s is now called %s; the next version drops the old name", key, name)
            found[name] = cls._current_value(name, value)
        return found

    @classmethod
    def _current_value(cls, key: str, value: Any) -> Any:
        kind = cls.model_fields[key].annotation if key in cls.model_fields else None
        if isinstance(kind, type) and issubclass(kind, Section):
            return kind.current_names(value)
        known = cls.renamed_values.get(key, {})
        if not isinstance(value, Hashable) or value not in known:
            return value
        log.warning(
            *("config.renamed %s=%s is now %s=%s; the next version drops the old value", key, value),
            *(key, known[value]),
        )
        return known[value]

    @field_validator("*", mode="before")
    @classmethod
    def _is_no_guess(cls, value: Any, info: ValidationInfo) -> Any:
        kinds = _kinds(cls.model_fields[info.field_name or ""].annotation)
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, bool) and bool not in kinds:
                raise ValueError("expected no true or false here")
            # To one reader it is octal, to another decimal.
            if isinstance(item, str) and _LEADING_ZERO.fullmatch(item) and kinds & {int, float} and str not in kinds:
                raise ValueError("expected a number without a leading zero")
        return value

    @model_validator(mode="before")
    @classmethod
    def _accept_old_names(cls, values: Any) -> Any:
        return cls.current_names(values)


def _kinds(annotation: Any) -> set[Any]:
    """Return every type that an annotation names, at any depth."""
    return {annotation}.union(*map(_kinds, get_args(annotation)))
