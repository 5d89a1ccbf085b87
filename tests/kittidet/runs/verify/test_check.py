"""kittidet.runs.verify.check: a check that compared nothing is no pass, and an error about a file is a finding."""

import pytest

from kittidet.errors import StoreError
from kittidet.runs.verify.check import Check, checked


@pytest.mark.parametrize(
    ("check", "state"),
    [
        (Check("a", 0), "not checked"),
        (Check("a", 3), "same"),
        (Check("a", 3, ("x",)), "changed"),
        (Check("a", 0, ("x",)), "changed"),
    ],
)
def test_the_state_says_what_came_out(check, state):
    assert check.state == check.to_json()["state"] == state


def test_an_error_about_a_file_is_what_the_check_found():
    def work():
        raise StoreError("summary.json: wrong content")

    assert checked("AP", work) == Check("AP", 0, ("summary.json: wrong content",))
    assert checked("AP", lambda: Check("AP", 2)) == Check("AP", 2)
