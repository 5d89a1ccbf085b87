import pytest

from kittidet.eval.score_text import fact_text, score_text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(None, 3, "no ground truth"), (0.0, 3, "0.000"), (0.4567, 3, "0.457"), (99.95, 1, "100.0")],
)
def test_a_score_of_zero_is_a_number_and_none_is_words(value, digits, text):
    assert score_text(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not known"),
        (3, "3"),
        (0.25, "0.2500"),
        ([], "none"),
        ({}, "none"),
        (["a", 1], "a, 1"),
        ({"train": {"Car": 2}, "leakage": None}, "train Car 2, leakage not known"),
    ],
)
def test_a_fact_is_one_line_whatever_it_is(value, text):
    assert fact_text(value) == text
