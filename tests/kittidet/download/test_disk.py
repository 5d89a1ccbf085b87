"""Promises of the disk's errors: told apart, and with a next step."""

import errno
import os

import pytest

from kittidet.download.disk import check_space, writing
from kittidet.errors import ArchiveError, DiskSpaceError


def test_room_for_nothing_is_always_there(tmp_path):
    check_space(tmp_path, 0, purpose="nothing")


def test_more_than_any_disk_has_is_refused_with_both_numbers(tmp_path):
    with pytest.raises(DiskSpaceError, match=r"for everything: expected 1,000,000,000,000\.0 MB, got .* MB free"):
        check_space(tmp_path, 10**18, purpose="everything")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_a_matter_of_space(tmp_path, code):
    with pytest.raises(DiskSpaceError, match="the disk is full"), writing(tmp_path):
        raise OSError(code, os.strerror(code))


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR])
def test_a_forbidden_folder_asks_for_another(tmp_path, code):
    with pytest.raises(ArchiveError, match=r"cannot write there.*store_dir") as caught, writing(tmp_path):
        raise OSError(code, os.strerror(code))
    assert not isinstance(caught.value, DiskSpaceError)


def test_an_error_of_another_kind_goes_through(tmp_path):
    with pytest.raises(OSError, match="Input/output error"), writing(tmp_path):
        raise OSError(errno.EIO, os.strerror(errno.EIO))
