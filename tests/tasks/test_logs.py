"""tasks.logs: INFO lines of the library show, unless someone chose otherwise."""

import logging

import pytest

from tasks.logs import LOGGERS, show_library_lines


@pytest.fixture(autouse=True)
def levels():
    before = {name: logging.getLogger(name).level for name in LOGGERS}
    yield
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def test_a_level_that_nobody_chose_becomes_info():
    logging.getLogger("kittidet").setLevel(logging.NOTSET)
    show_library_lines()
    assert logging.getLogger("kittidet.store").isEnabledFor(logging.INFO)


def test_a_chosen_level_stays():
    logging.getLogger("kittidet").setLevel(logging.ERROR)
    show_library_lines()
    assert logging.getLogger("kittidet").level == logging.ERROR
