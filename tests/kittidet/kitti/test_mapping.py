"""Promises of the devkit's mapping: each image finds its drive and moment, and files that do not fit are named."""

import pytest

from kittidet.errors import DatasetContractError
from kittidet.kitti.mapping import Moment, read_moments


def write(folder, rand: str, drives: list[int]) -> None:
    (folder / "train_rand.txt").write_text(rand)
    lines = [f"2011_09_26 2011_09_26_drive_{d:04d}_sync {k:010d}\n" for k, d in enumerate(drives)]
    (folder / "train_mapping.txt").write_text("".join(lines))


def test_image_i_has_the_line_that_entry_i_names(tmp_path):
    write(tmp_path, "3,1,2", [10, 20, 30])
    assert read_moments(tmp_path) == {
        "000000": Moment("2011_09_26_drive_0030_sync", 2),
        "000001": Moment("2011_09_26_drive_0010_sync", 0),
        "000002": Moment("2011_09_26_drive_0020_sync", 1),
    }


@pytest.mark.parametrize("rand", ["2,1\n", "2, 1\n", "2,1,\n", "2,\n1\n"])
def test_spaces_and_line_ends_between_entries_do_not_matter(tmp_path, rand):
    write(tmp_path, rand, [10, 20])
    assert read_moments(tmp_path)["000000"].drive == "2011_09_26_drive_0020_sync"


@pytest.mark.parametrize(
    ("rand", "why"),
    [
        ("", r"train_rand\.txt: entry 1: expected a line number 1\.\.2"),
        ("1,3", r"entry 2: .*got '3'"),
        ("0,1", r"entry 1: .*got '0'"),
        ("1,x", r"entry 2: .*got 'x'"),
        ("2,2", r"entry 2: expected a permutation, got 2, which is also entry 1"),
    ],
)
def test_entries_that_are_no_permutation_are_named(tmp_path, rand, why):
    write(tmp_path, rand, [10, 20])
    with pytest.raises(DatasetContractError, match=why):
        read_moments(tmp_path)


def test_a_line_that_names_no_drive_is_named(tmp_path):
    write(tmp_path, "1,2", [10, 20])
    (tmp_path / "train_mapping.txt").write_text("2011_09_26 2011_09_26_drive_0010_sync 1\n2011_09_26 ../x 1\n")
    with pytest.raises(DatasetContractError, match=r"train_mapping\.txt:2: expected 'date drive frame'"):
        read_moments(tmp_path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DatasetContractError, match=r"train_rand\.txt: cannot read the mapping"):
        read_moments(tmp_path)
