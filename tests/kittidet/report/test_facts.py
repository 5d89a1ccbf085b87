from kittidet.report.facts import config_text, data_facts, describe_run, reproduce_commands
from kittidet.runs.run import Run


def test_what_was_trained_on_what_is_said(finished_run):
    run = Run.open(finished_run)
    assert describe_run(run).startswith("EfficientDet-D0, input size 1280 x 384, 8 classes.")
    facts = dict(data_facts(run))
    assert facts["source"] == "synthetic scenes"
    assert "36 train, 9 validation" in facts["frames"]
    assert facts["anchor coverage"].startswith("93.0%")
    assert "kittidet run --config runs/street/config.json" in reproduce_commands(run)
    assert '"variant": "d0"' in config_text(run)
