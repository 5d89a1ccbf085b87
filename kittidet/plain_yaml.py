"""YAML and JSON as a person means them: what YAML 1.1 makes of `010`, `1:30`, `yes`, `~` and dates stays text.

Numbers, `true`, `false` and `null` are those of JSON and YAML 1.2, and a key given twice is an error that names the
line. What a key may hold is left to whoever asks.
"""

import json
import re
from typing import Any

import yaml

_NUMBER = r"[-+]?(?:0|[1-9][0-9_]*)"
_POWER = r"[eE][-+]?[0-9]+"
# Text that is no text: its pattern, and what it may begin with.
_IMPLICIT = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (_NUMBER, "-+0123456789"),
    "float": (
        rf"{_NUMBER}\.[0-9]*(?:{_POWER})?|[-+]?\.[0-9]+(?:{_POWER})?|{_NUMBER}{_POWER}|[-+]?\.inf|\.nan",
        "-+0123456789.",
    ),
    "null": (r"null|Null|NULL", "nN"),
    "merge": (r"<<", "<"),
}
_TAG = "tag:yaml.org,2002:"
# What may be said of a value: nothing, or that it is text.
_READ_TAGS = (None, "!", f"{_TAG}str")
# Whoever nests deeper means harm: no key of ours is below the fourth level.
_DEEPEST = 50
_JSON_PART = re.compile(r'"(?:[^"\\]|\\.)*"(\s*:)?|[\[\]{}]')


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2, no key twice, and an end to nesting."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  PyYAML's own
    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if self._depth >= _DEEPEST:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=event.start_mark)
        if getattr(event, "tag", None) not in _READ_TAGS:
            raise yaml.MarkedYAMLError(problem=f"the tag {event.tag} is not read", problem_mark=event.start_mark)
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:  # noqa: FBT001, FBT002  PyYAML's signature
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            name = (key.tag, str(key.value))
            if name in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key.value!r} is given twice", problem_mark=key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep=deep)

    def construct_text(self, node: Any) -> Any:
        return self.construct_scalar(node)


for _kind, (_pattern, _first) in _IMPLICIT.items():
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(rf"(?:{_pattern})\Z"), list(_first))
# A key without a value.
_Loader.add_implicit_resolver(f"{_TAG}null", re.compile(r"\Z"), [""])
# Anywhere but before a mapping to take over.
_Loader.add_constructor(f"{_TAG}merge", _Loader.construct_text)


def load_yaml(text: str) -> Any:
    """Return the content of a YAML document.

    Raises:
        ValueError: naming line and column, if it is not YAML, gives a key twice, or nests deeper than 50 levels.
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506  a SafeLoader
    except yaml.YAMLError as error:
        raise ValueError(_in_one_line(error)) from error


def load_json(text: str) -> Any:
    """Return the content of a JSON document.

    Raises:
        ValueError: naming the line, if it is not JSON or gives a key twice; or if it nests too deeply.
    """
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    _check_keys(text)
    return content


def load_value(text: str) -> Any:
    """Return what a person typed after ``key=``: a list or mapping in brackets, quoted text, a number, else text.

    Raises:
        ValueError: if brackets or quotes do not close, or something follows them.
    """
    text = text.strip()
    if text[:1] not in {"[", "{", '"', "'"}:
        loader = _Loader("")
        return loader.construct_document(yaml.ScalarNode(loader.resolve(yaml.ScalarNode, text, (True, False)), text))  # type: ignore[no-untyped-call]
    try:
        node = yaml.compose(text, _Loader)
    except yaml.YAMLError as error:
        raise ValueError(_in_one_line(error)) from error
    end = 0 if node is None else node.end_mark.index
    if end != len(text):
        raise ValueError(f"nothing may follow the value, found {text[end:].strip()!r}")
    return load_yaml(text)


def _check_keys(text: str) -> None:
    """Raise a ValueError that names the line where a valid JSON document gives a key of an object again."""
    objects: list[set[str]] = []
    for part in _JSON_PART.finditer(text):
        if part[0] in {"[", "{"}:
            objects.append(set())
        elif part[0] in {"]", "}"}:
            objects.pop()
        elif part[1] is not None:
            key = json.loads(part[0].removesuffix(part[1]))
            if key in objects[-1]:
                line = text.count("\n", 0, part.start()) + 1
                raise ValueError(f"line {line}: key {key!r} is given twice")
            objects[-1].add(key)


def _in_one_line(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    return " ".join(str(error).split())
