"""kittidet.cli.steps: a verb does its step and those before it, and finds what is done already."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from kittidet.__main__ import app
from kittidet.errors import DatasetContractError
from kittidet.steps import pipeline


@pytest.fixture
def invoke(tmp_path, synthetic_root):
    folders = [f"store_dir={json.dumps(str(tmp_path / 'store'))}", f"runs_dir={json.dumps(str(tmp_path / 'runs'))}"]

    def run(*arguments: str) -> SimpleNamespace:
        result = CliRunner().invoke(app, [*arguments, "--data", str(synthetic_root), *folders])
        return SimpleNamespace(code=result.exit_code, text=result.output, error=result.exception)

    return run


@pytest.mark.parametrize(
    ("verb", "titles", "steps"),
    [
        ("fetch", ["data set"], {"fetch"}),
        ("validate", ["validation"], {"fetch", "validate"}),
        ("split", ["split"], {"fetch", "validate", "split"}),
        ("records", ["train records", "val records"], {"fetch", "validate", "split", "records"}),
    ],
)
def test_a_verb_does_what_comes_before_it_and_is_cached_the_second_time(invoke, tmp_path, verb, titles, steps):
    first, second = invoke(verb), invoke(verb)
    assert (first.code, second.code) == (0, 0), first.text
    for title in titles:
        assert title in first.text
        assert f"{title} (cached)" in second.text
    assert {p.parent.name.split("-")[0] for p in (tmp_path / "store").glob("*/_output.json")} == steps
    assert len(list((tmp_path / "store" / "logs").glob(f"*-{verb}.log"))) >= 1


def test_too_many_findings_stop_the_verb(invoke, monkeypatch, tmp_path, synthetic_root):
    from kittidet.steps import validate as step

    monkeypatch.setattr(step, "validate", lambda *_: (_ for _ in ()).throw(DatasetContractError("findings.csv")))
    result = invoke("validate")
    assert result.code == 1
    assert isinstance(result.error, DatasetContractError)


def test_run_begins_with_a_header_and_ends_with_scores_and_what_to_do_next(
    invoke, monkeypatch, tmp_path, synthetic_root
):
    summary = {
        "n_val": 2,
        "ap": 0.5,
        "ap50": 0.75,
        "ap75": 0.25,
        "per_class_ap": {"Car": 0.5},
        "per_class_ap50": {"Car": 0.75},
        "best_step": 3,
        "checkpoints": [{"step": 3, "epoch": 1, "ap": 0.5, "ap50": 0.75, "ap75": 0.25, "average_of": [], "best": True}],
    }
    seen = []

    def fake(config, *, progress):
        seen.append(config)
        return SimpleNamespace(summary=summary, path=tmp_path / "runs" / "mine")

    monkeypatch.setattr(pipeline, "run_pipeline", fake)
    result = invoke("run", "train.epochs=7")
    assert result.code == 0, result.text
    assert seen[0].train.epochs == 7
    assert "0.750" in result.text
    assert "runs/mine" in result.text
    header, _, end = result.text.partition("COCO AP")
    assert str(synthetic_root) in header.replace("\n", "").replace(" ", "")
    assert "kittidet predict IMAGES" in end


def test_evaluate_scores_one_model_that_is_named(invoke, monkeypatch, tmp_path, synthetic_frames):
    from kittidet.classes import KITTI8
    from kittidet.eval.coco import coco_metrics
    from kittidet.steps import scoring

    seen = []

    def fake(store, model, like, data, config):
        seen.append((model, like, data.val_records.summary["split"]))
        return coco_metrics(synthetic_frames, [], KITTI8, engine="hotcoco")

    monkeypatch.setattr(scoring, "score_model", fake)
    result = invoke("evaluate", "--model", str(tmp_path / "m.onnx"), "--like", "runs/x")
    assert result.code == 0, result.text
    assert seen == [(tmp_path / "m.onnx", Path("runs/x"), "val")]
    assert f"{len(synthetic_frames)} validation frames" in " ".join(result.text.split())


def test_a_training_is_extended_by_an_option_that_only_its_verbs_have(invoke, monkeypatch):
    seen = []
    monkeypatch.setattr(pipeline, "train_on_records", lambda _store, config, **_: seen.append(config) or 1 / 0)
    invoke("train", "train.epochs=9", "--extend", "3")
    assert (seen[0].train.epochs, seen[0].train.extends) == (12, (9,))
    assert "No such option" in invoke("split", "--extend", "3").text


def test_a_stopped_verb_says_that_the_same_command_goes_on(invoke, monkeypatch):
    monkeypatch.setattr("kittidet.steps.fetch.fetch", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    result = invoke("fetch")
    assert "the same command goes on from there" in result.text
    assert result.code != 0
