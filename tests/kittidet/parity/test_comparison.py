"""The parity table compares what it says it does, and tells when a number is off."""

from pathlib import Path

import numpy as np
import pytest

from kittidet.parity.comparison import checks, compare, compare_all

ORACLE = Path(__file__).parents[4] / "shared" / "oracle"


@pytest.mark.parametrize(
    ("found", "expected", "passed"),
    [
        ([], [], True),
        ([1.0, 2.0], [1.0, 2.0], True),
        ([1.0, 1000.05], [1.0, 1000.0], True),
        ([1.0, 1000.2], [1.0, 1000.0], False),
        ([np.nan], [0.0], False),
        ([1.0], [1.0, 2.0], False),
        ([1e-9], [0.0], False),
    ],
)
def test_numbers_pass_within_the_tolerance_of_the_largest(found, expected, passed):
    assert compare("d0", "logits", found, expected, rtol=1e-4).passed is passed


def test_differences_are_reported_absolute_and_relative():
    line = compare("d0", "logits", [1.0, 22.0], [1.0, 20.0], rtol=0.0)
    assert (line.max_abs, line.max_rel, line.passed) == (2.0, 0.1, False)


def test_every_oracle_file_has_a_check():
    if not ORACLE.is_dir():
        pytest.skip(f"the reference's numbers are not here: {ORACLE}")
    covered = {file for pattern in checks() for file in ORACLE.glob(pattern)}
    assert covered == set(ORACLE.rglob("*.npz"))


def test_a_folder_without_oracle_files_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no oracle file there"):
        list(compare_all(tmp_path))
