"""kittidet.plain_yaml: what looks like text is text, and no key is given twice."""

import pytest

from kittidet.plain_yaml import load_json, load_value, load_yaml

TEXTS = ["010", "1:30", "yes", "No", "on", "2026-11-27", "2026-11-27 10:00:00", "~", "=", "0x10", "0o17", "1e", "<<"]
VALUES = {"true": True, "FALSE": False, "null": None, "-3": -3, "1_000": 1000, "1.5": 1.5, ".5": 0.5, "1e-4": 1e-4}


@pytest.mark.parametrize("text", TEXTS)
def test_a_yaml_1_1_surprise_is_text(text):
    assert load_value(text) == text
    assert load_value(f"[{text}]") == [text]
    assert load_yaml(f"a: {text}") == {"a": text}


@pytest.mark.parametrize(("text", "value"), VALUES.items())
def test_numbers_and_words_of_json_are_what_they_say(text, value):
    assert load_value(text) == load_value(f" {text} ") == value
    assert load_value(f"[{text}]") == [value]
    assert load_yaml(f"a: {text}") == {"a": value}


@pytest.mark.parametrize("text", ["#x", "a #b", "a: b", "- 3", "*x", "&x", "!!int x", "|", "%", "\0"])
def test_a_typed_value_without_brackets_or_quotes_is_taken_as_it_stands(text):
    assert load_value(text) == text


def test_quoted_text_is_text():
    assert load_value("'3'") == load_yaml("'3'") == "3"
    assert load_value('"a\\u00e9"') == "a\u00e9"


@pytest.mark.parametrize("text", ["a:", "a: null"])
def test_a_key_without_a_value_is_null(text):
    assert load_yaml(text) == {"a": None}
    assert load_value("") is None


def test_anchors_and_merged_mappings_are_read():
    assert load_yaml("a: &x {b: 1}\nc: {<<: *x, d: 2}")["c"] == {"b": 1, "d": 2}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: {a: 2}\na: 3", "line 3, column 1: key 'a' is given twice"),
        ("a: 1\n'a': 3", "line 2, column 1: key 'a' is given twice"),
        ("a: [", "line 1, column 5"),
        ("- " * 60, "nested too deeply"),
        ("a: !!timestamp x", "the tag tag:yaml.org,2002:timestamp is not read"),
        ("a: !!python/name:os.system x", "is not read"),
        ("a: \x07", "#x0007"),
        ("9" * 5000, "4300 digits"),
    ],
)
def test_yaml_that_is_none_is_refused_by_its_place(text, said):
    with pytest.raises(ValueError, match=said):
        load_yaml(text)


@pytest.mark.parametrize("text", ["[1", "'a", "[1] 2", "'a' # b", "{a: 1, a: 2}", "[!!int x]", "[*x]", "[\0]"])
def test_a_value_in_brackets_or_quotes_is_closed_and_alone(text):
    with pytest.raises(ValueError, match=r"line 1|nothing may follow|#x0000"):
        load_value(text)


def test_json_is_read_with_any_content_of_its_texts():
    assert load_json('{"a": ["{", "\\"", {"a": 1}], "b": {"a": ":"}}') == {"a": ["{", '"', {"a": 1}], "b": {"a": ":"}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1,\n"b": {"a": 2},\n"\\u0061": 3}', "line 3: key 'a' is given twice"),
        ("{", "line 1"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 5000, "4300 digits"),
    ],
)
def test_json_that_is_none_is_refused_by_its_place(text, said):
    with pytest.raises(ValueError, match=said):
        load_json(text)
