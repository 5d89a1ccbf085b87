"""kittidet.config_file: every key and value is checked at the door, and the message says where."""

import json
import traceback

import pytest

from kittidet.config import AugmentConfig, RunConfig, TrainConfig
from kittidet.config_file import load_run_config
from kittidet.errors import ConfigError
from kittidet.masking import masked


def test_nothing_given_changes_nothing():
    assert load_run_config(RunConfig()) == RunConfig()


@pytest.mark.parametrize("suffix", ["json", "yaml", "yml"])
def test_a_file_overrides_the_preset_and_a_dotted_override_the_file(tmp_path, suffix):
    file = tmp_path / f"c.{suffix}"
    file.write_text(json.dumps({"train": {"epochs": 3, "batch_size": 2}, "model": {"input_hw": [128, 256]}}))
    config = load_run_config(RunConfig(), file, ["train.epochs=4", "name=mine"])
    assert (config.train.epochs, config.train.batch_size, config.name) == (4, 2, "mine")
    assert config.model.input_hw == (128, 256)
    assert config.train.seed == RunConfig().train.seed


def test_a_saved_config_loads_as_itself(tmp_path):
    config = load_run_config(
        RunConfig(), None, ["source.kind=folder", "source.path=/data/kitti", "train.augment.flip=false"]
    )
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config.model_dump(mode="json")))
    assert load_run_config(RunConfig(), file) == config


def test_changes_are_what_was_given_and_not_their_own_defaults():
    base = RunConfig(train=TrainConfig(initial_weights="coco", epochs=5))
    changes = RunConfig(train=TrainConfig(epochs=60, augment=AugmentConfig(flip=False)))
    config = load_run_config(base, changes=changes, overrides=["train.batch_size=2"])
    assert (config.train.initial_weights, config.train.epochs, config.train.batch_size) == ("coco", 60, 2)
    assert not config.train.augment.flip
    # A whole configuration, as a file or another run has it, is itself.
    whole = RunConfig.model_validate(RunConfig().model_dump(mode="json"))
    assert load_run_config(base, changes=whole) == RunConfig()


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("train.epoch=3", ["train.epoch: there is no such key", "did you mean train.epochs?", "got 3"]),
        ("weather=wet", ["weather: there is no such key", "kittidet config --explain"]),
        ("train.epochs=0", ["train.epochs", "greater than or equal to 1"]),
        ("train.epochs=many", ["train.epochs", "integer"]),
        ("model.input_hw=[0, 512]", ["model.input_hw", "greater than or equal to 1"]),
        ("train.augment.scale_min=3", ["scale_min 3", "above scale_max"]),
        ("model.variant=d9", ["d9", "lite3x", "d7x"]),
        ("records.classes=coco", ["coco", "kitti3", "kitti8"]),
        ("split.method=chen2", ["split.method", "'chen'"]),
        ("name=../escape", ["name", "pattern"]),
        ("train.epochs", ["expected key=value"]),
        ("train={", ["not valid YAML"]),
        ("records.classes=[a, b] # mine", ["nothing may follow the value", "# mine"]),
        ("source.sha256={a: x, a: y}", ["line 1, column 8: key 'a' is given twice"]),
        ("train.epochs=010", ["train.epochs", "leading zero"]),
        ("train.epochs=1:30", ["train.epochs", "integer", "'1:30'"]),
        ("train.epochs=yes", ["train.epochs", "integer", "'yes'"]),
        ("train.epochs=true", ["train.epochs", "expected no true or false"]),
        ("train.patience_epochs=~", ["train.patience_epochs", "integer", "'~'"]),
        ("model.input_hw=[true, 512]", ["model.input_hw", "expected no true or false"]),
        ("train.learning_rate=.inf", ["train.learning_rate", "finite"]),
        ("validation.edge_tolerance_px=.nan", ["validation.edge_tolerance_px", "finite"]),
        (f"train.epochs={'9' * 5000}", ["train.epochs", "4300 digits"]),
        ("evaluation.max_detections=1e12", ["evaluation.max_detections", "less than or equal to 10000"]),
        ("evaluation.max_detections=10001", ["evaluation.max_detections", "less than or equal to 10000"]),
        ("train.seed=-1", ["train.seed", "greater than or equal to 0"]),
        ("validation.side_px=[8192, 32]", ["side_px: expected the smaller side first"]),
        ("model.input_hw=[1, 1]", ["model: input_hw: expected a side of more than 64 pixels, got [1, 1]"]),
        ("model.input_hw=[384, 9000]", ["model.input_hw", "less than or equal to 8192"]),
        (f"name={'n' * 101}", ["name", "at most 100 characters"]),
        (f"source.path=/data/{'n' * 300}", ["source.path", "255 bytes"]),
        ("source.path=~/kitti", ["source.path", "`~` is not your home here"]),
        ("source.path=/data/\0", ["source.path", "NUL"]),
        (f"train={'[' * 300}{']' * 300}", ["nested too deeply"]),
        (".".join("a" * 2000) + "=3", ["there is no such key"]),
    ],
)
def test_a_wrong_entry_is_named_with_what_was_expected(override, words):
    with pytest.raises(ConfigError) as error:
        load_run_config(RunConfig(), None, [override])
    for word in words:
        assert word in str(error.value)
    assert len(str(error.value)) < 6000


def test_every_wrong_entry_is_listed_at_once():
    with pytest.raises(ConfigError, match=r"(?s)model\.variant.*train\.epoch"):
        load_run_config(RunConfig(), None, ["train.epoch=3", "model.variant=d9"])


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("c.toml", "", "expected a .json"),
        ("c.json", "{", "not valid json"),
        ("c.yaml", "[1]", "expected a mapping"),
        ("c.yaml", "a: [", "not valid yaml"),
        ("c.yaml", "name: a\ntrain: {epochs: 3}\nname: b\n", "line 3, column 1: key 'name' is given twice"),
        ("c.json", '{"train": {"epochs": 3,\n "epochs": 4}}', "line 2: key 'epochs' is given twice"),
        ("c.json", '{"train": ' * 100_000, "nested too deeply"),
        ("c.json", '{"train": {"learning_rate": NaN}}', "finite"),
        ("c.yaml", f"train: {'[' * 300}", "nested too deeply"),
        ("c.yaml", "a: &a {b: *a}\n", "there is no such key"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, name, text, word):
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(ConfigError, match=word) as error:
        load_run_config(RunConfig(), file)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("name", ["c.json", "c.yaml"])
def test_a_byte_order_mark_is_passed_over(tmp_path, name):
    (tmp_path / name).write_text('\ufeff{"train": {"epochs": 3}}')
    assert load_run_config(RunConfig(), tmp_path / name).train.epochs == 3


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.json"):
        load_run_config(RunConfig(), tmp_path / "none.json")


def test_old_names_in_files_and_overrides_change_the_value_of_the_new_name(tmp_path):
    file = tmp_path / "run.yaml"
    file.write_text("model: {canvas_hw: [64, 96]}\nsource: {kind: drawn}\n")
    config = load_run_config(RunConfig(), file, ["evaluation.nms=gaussian", "source.drawn_frames=9"])
    assert config.model.input_hw == (64, 96)
    assert (config.source.kind, config.source.synthetic_frames) == ("synthetic", 9)
    assert config.evaluation.nms == "soft"


@pytest.mark.parametrize("text", ["2026-11-27", "010", "1e", "yes"])
def test_a_value_that_yaml_would_take_for_something_else_is_the_text_that_was_typed(tmp_path, text):
    file = tmp_path / "run.yaml"
    file.write_text(f"name: {text}\n")
    assert load_run_config(RunConfig(), file).name == text
    assert load_run_config(RunConfig(), None, [f"name={text}"]).name == text


def test_a_comment_sign_in_an_override_is_part_of_the_value():
    config = load_run_config(RunConfig(), None, ["source.path=/data/a #1", "split.train_list=#2"])
    assert (str(config.source.path), str(config.split.train_list)) == ("/data/a #1", "#2")


def test_null_unsets_a_value_and_words_for_yes_set_a_switch():
    base = RunConfig(train=TrainConfig(patience_epochs=4))
    config = load_run_config(base, None, ["train.patience_epochs=null", "train.augment.flip=off"])
    assert config.train.patience_epochs is None
    assert not config.train.augment.flip


def test_a_number_may_be_written_in_any_usual_way():
    config = load_run_config(RunConfig(), None, ["train.l2=1e-4", "train.epochs=1_000", "train.clip_norm=.5"])
    assert (config.train.l2, config.train.epochs, config.train.clip_norm) == (1e-4, 1000, 0.5)


@pytest.mark.parametrize(
    "entry",
    [
        "source.base_url=https://me:hunter2@host/",
        "source.base_url=https://hunter2@host/",
        "source.base_url=[https://me:hunter2@host/]",
        "source.sha256={https://me:hunter2@host/: [1]}",
        "source.bse_url=https://me:hunter2@host/",
        "source.base_url={https://me:hunter2@host/",
    ],
)
def test_a_password_in_an_address_is_refused_and_not_repeated(tmp_path, entry):
    file = tmp_path / "run.yaml"
    key, _, value = entry.partition("=")
    file.write_text(f"source:\n  {key.removeprefix('source.')}: {value}\n")
    for source, overrides in ((None, [entry]), (file, [])):
        with pytest.raises(ConfigError) as error:
            load_run_config(RunConfig(), source, overrides)
        said = "".join(traceback.format_exception(error.value))
        assert "hunter2" not in masked(said)
        assert "hunter2" not in str(error.value)


def test_a_refused_password_is_told_where_to_go():
    with pytest.raises(ConfigError, match=r"source\.base_url: no user or password .* ~/\.netrc, .*NETRC"):
        load_run_config(RunConfig(), None, ["source.base_url=https://me:hunter2@host/"])


@pytest.mark.parametrize(
    "address", ["file:///data", "host/a", "https://", "https://host/?a=b", "ftp://host/", "https://h/#a"]
)
def test_an_address_is_one_of_a_web_server(address):
    with pytest.raises(ConfigError, match=r"source\.base_url: expected an address such as https://host/folder/"):
        load_run_config(RunConfig(), None, [f"source.base_url={address}"])
