"""Errors of other libraries in one line."""

import pytest

from kittidet.errors import first_line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("no such layer"), "no such layer"),
        (ValueError("\n  no such layer \nat 0x7f"), "no such layer"),
        (RuntimeError(), "RuntimeError"),
        (RuntimeError(" \n"), "RuntimeError"),
    ],
)
def test_the_first_line_that_says_something_is_taken_or_the_class_is_named(error, line):
    assert first_line(error) == line
