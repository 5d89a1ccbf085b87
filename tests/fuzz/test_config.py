"""What a person may type or write as a configuration."""

import json

from fuzz.mutations import WORDS, damaged_bytes, damaged_json, damaged_text
from hypothesis import strategies as st

from kittidet.config import RunConfig
from kittidet.config_file import load_run_config
from kittidet.config_keys import config_keys
from kittidet.plain_yaml import load_json, load_value, load_yaml

GOOD = RunConfig().model_dump(mode="json")
YAML = "name: a\ntrain: {epochs: 3, augment: {flip: no}}\nrecords:\n  classes: [a, &x b]\nsource: {path: ~}\n"
VALUES = ("3", "[1, 2]", "{a: 1}", "'a'", '"\\u00e9"', "null", "true", "1e-4", "[*x]", "{<<: {a: 1}}", "!!int 3", "- a")


def config_of(file=None, overrides=()):
    config = load_run_config(RunConfig(), file, overrides)
    # What is accepted can be saved and read again.
    assert RunConfig.model_validate(json.loads(json.dumps(config.model_dump(mode="json"), allow_nan=False))) == config


def test_json_files(fuzz, tmp_path):
    file = tmp_path / "a.json"

    def read(document):
        file.write_text(json.dumps(document))
        config_of(file)

    fuzz(damaged_json(GOOD), read)


def test_yaml_files(fuzz, tmp_path):
    file = tmp_path / "a.yaml"

    def read(text):
        file.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
        config_of(file)

    fuzz(damaged_text([YAML, "&a [*a]", "a: " * 30, "- " * 2000, "[" * 2000]), read)


def test_files_of_any_bytes(fuzz, tmp_path):
    def read(data):
        for name in ("a.yaml", "a.json"):
            (tmp_path / name).write_bytes(data)
        config_of(tmp_path / "a.yaml")
        config_of(tmp_path / "a.json")

    fuzz(damaged_bytes([YAML.encode(), json.dumps(GOOD).encode()]), read)


def test_overrides(fuzz):
    keys = st.sampled_from([key.name for key in config_keys()]) | st.text(max_size=10)
    values = st.sampled_from((*VALUES, *WORDS)) | st.text(max_size=20) | st.integers().map(str) | st.floats().map(str)
    texts = st.tuples(keys, values).map("=".join) | st.text(max_size=10)
    fuzz(st.lists(texts, min_size=1, max_size=3), lambda overrides: config_of(overrides=overrides))


def test_yaml_and_json_that_no_key_is_looked_up_in(fuzz):
    def read(text):
        for load in (load_yaml, load_json, load_value):
            try:
                load(text)
            except ValueError as error:
                assert str(error)

    fuzz(damaged_text([YAML, *VALUES, json.dumps(GOOD, indent=1)]), read)
