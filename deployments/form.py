"""The form of a flow's parameters in Prefect's pages: where a configuration is opened, it shows a preset's values.

The pages read a section's defaults from the deployment's parameter schema, where they would be those of `RunConfig`: a
random start, on which nobody's fine-tune stands.
"""

import copy
from typing import Any

from kittidet.config import RunConfig


def with_defaults(schema: dict[str, Any], config: RunConfig) -> dict[str, Any]:
    """Return a flow's parameter schema with the values of a configuration as the defaults of its `RunConfig`.

    Args:
        schema: JSON types, as a deployment has it; a section is a reference to one of its ``definitions``.
        config: what an opened form shows.
    """
    schema = copy.deepcopy(schema)
    definitions = schema["definitions"]

    def fill(name: str, values: dict[str, Any]) -> None:
        for key, value in values.items():
            entry = definitions[name]["properties"][key]
            entry["default"] = value
            if "$ref" in entry:
                fill(entry["$ref"].rpartition("/")[2], value)

    fill(RunConfig.__name__, config.model_dump(mode="json"))
    _offer_constants(definitions)
    return schema


def _offer_constants(node: Any) -> None:
    """Make each constant a choice of one, in place: the pages show a constant as a field that cannot be filled in."""
    if isinstance(node, dict):
        if "const" in node:
            node["enum"] = [node.pop("const")]
        for value in node.values():
            _offer_constants(value)
    elif isinstance(node, list):
        for value in node:
            _offer_constants(value)
