"""tasks.comparison: champion and challenger in one table; what a run leaves in the pages is tested with its flow."""

from types import SimpleNamespace

from kittidet.steps.judge import Outcome
from tasks.comparison import comparison_table, show_comparison


def test_each_class_has_both_scores_and_their_difference():
    before = {"ap": 0.25, "per_class_ap": {"Car": 0.5, "Tram": None, "Van": None}}
    after = {"ap": 0.2, "per_class_ap": {"Van": 0.1, "Tram": None, "Car": 0.75}}
    assert comparison_table(before, after, ("old", "new")).splitlines() == [
        "| AP | old | new | change |",
        "|---|---:|---:|---:|",
        "| all | 0.250 | 0.200 | -0.050 |",
        "| Car | 0.500 | 0.750 | +0.250 |",
        "| Tram | no ground truth | no ground truth |  |",
        "| Van | no ground truth | 0.100 |  |",
    ]


def test_what_was_compared_with_nothing_is_not_shown(monkeypatch):
    shown = []
    monkeypatch.setattr("tasks.comparison.show_text", lambda *what: shown.append(what))
    first = Outcome(kind="first", model="m", champion=1, challenger=1, sentence="m version 1 is the first champion.")
    show_comparison(None, SimpleNamespace(champion=None), first, None, None)
    same = Outcome(kind="kept", model="m", champion=1, challenger=1, sentence="the same run again.")
    show_comparison(None, SimpleNamespace(champion=1), same, None, None)
    assert shown == []
