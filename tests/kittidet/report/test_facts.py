import pytest

from kittidet.report.facts import config_text, data_facts, describe_leakage, describe_run, reproduce_commands
from kittidet.runs.run import Run


@pytest.mark.parametrize(
    ("leakage", "fine", "words"),
    [
        (None, False, "unknown"),
        ({"shared_val_frames": 0, "share": 0.0}, True, "None of the 40"),
        ({"shared_val_frames": 10, "share": 0.25}, False, "10 of 40"),
    ],
)
def test_the_leakage_audit_is_a_sentence(leakage, fine, words):
    told = describe_leakage({"leakage": leakage, "n_val": 40})
    assert told["fine"] is fine
    assert words in f"{told['title']} {told['text']}"


def test_what_was_trained_on_what_is_said(finished_run):
    run = Run.open(finished_run)
    assert describe_run(run).startswith("EfficientDet-D0, input size 1280 x 384, 8 classes.")
    facts = dict(data_facts(run))
    assert facts["source"] == "synthetic scenes"
    assert "36 train, 9 validation" in facts["frames"]
    assert facts["anchor coverage"].startswith("93.0%")
    assert "kittidet run --config runs/street/config.json" in reproduce_commands(run)
    assert '"variant": "d0"' in config_text(run)
