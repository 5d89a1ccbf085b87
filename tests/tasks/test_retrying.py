"""tasks.retrying: the network and shared disks get another try, wrong data does not."""

import errno

import httpx
import pytest
from prefect.states import Failed
from prefect.task_engine import TaskRunTimeoutError

from kittidet.errors import (
    ArchiveError,
    DatasetContractError,
    DiskSpaceError,
    RecordError,
    ServerError,
    StoreError,
    StoreServerError,
)
from tasks.retrying import is_passing, may_pass


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


CASES = [
    (None, False),
    (httpx.ConnectError(""), True),
    (httpx.ReadTimeout(""), True),
    (ServerError("answered 503"), True),
    (StoreServerError("cannot be reached"), True),
    (StoreError("refused"), False),
    (OSError(errno.ESTALE, "stale file handle"), True),
    (OSError(errno.ENOSPC, "no space"), False),
    (PermissionError(errno.EACCES, "denied"), False),
    (FileNotFoundError(errno.ENOENT, "gone"), False),
    (DatasetContractError("column 3"), False),
    (ArchiveError("sha256"), False),
    (caused(ArchiveError("broke off"), httpx.ReadError("")), True),
    (caused(RecordError("a writer's process met it"), OSError(errno.EIO, "input/output error")), True),
    (caused(RecordError("full"), OSError(errno.ENOSPC, "no space")), False),
    (ArchiveError("answered 404"), False),
    (caused(DiskSpaceError("full"), httpx.ReadError("")), False),
    (TaskRunTimeoutError("too long"), False),
    (ValueError("wrong use"), False),
]


@pytest.mark.parametrize(("error", "expected"), CASES, ids=repr)
def test_only_what_may_pass_by_itself_is_tried_again(error, expected):
    assert is_passing(error) is expected
    assert may_pass(None, None, Failed(data=error)) is expected


def test_causes_that_go_round_in_a_circle_end():
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert not is_passing(first)
