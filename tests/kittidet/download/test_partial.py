"""Promises of the unfinished file: its bytes are never taken for another file's."""

import httpx
import pytest

from kittidet.download.partial import Partial, Remote, describe_response

URL = "https://example.org/a.zip"
OLD, NOW = "Mon, 01 Jan 2024 00:00:00 GMT", "Mon, 01 Jan 2024 00:00:01 GMT"


def test_nothing_is_known_of_a_part_that_is_not_there(tmp_path):
    part = Partial(tmp_path / "a.part")
    assert (part.size(), part.read()) == (0, None)
    part.drop()


def test_what_is_noted_is_read_again_and_starting_drops_the_bytes(tmp_path):
    part, remote = Partial(tmp_path / "a.part"), Remote(URL, '"e"', None, 5)
    part.path.write_bytes(b"old")
    part.start(remote)
    assert (part.size(), part.read()) == (0, remote)


@pytest.mark.parametrize("note", ["", "{", "[]", '{"url": 1}', '{"other": 2}'])
def test_a_note_that_does_not_read_is_none(tmp_path, note):
    part = Partial(tmp_path / "a.part")
    part.note_path.write_text(note)
    assert part.read() is None


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, {}, (None, None, None)),
        (200, {"content-length": "7"}, (None, None, 7)),
        (206, {"content-length": "3", "content-range": "bytes 4-6/7"}, (None, None, 7)),
        (206, {"content-range": "bytes 4-6/*"}, (None, None, None)),
        (200, {"etag": '"x"'}, ('"x"', None, None)),
        (200, {"etag": 'W/"x"'}, (None, None, None)),
        (200, {"last-modified": OLD, "date": NOW}, (None, OLD, None)),
        (200, {"last-modified": NOW, "date": NOW}, (None, None, None)),
        (200, {"last-modified": OLD}, (None, None, None)),
        (200, {"last-modified": "yesterday", "date": NOW}, (None, None, None)),
    ],
)
def test_only_strong_validators_name_a_version(status, headers, expected):
    remote = describe_response(URL, httpx.Response(status, headers=headers))
    assert (remote.etag, remote.last_modified, remote.total) == expected


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (Remote(URL, '"e"', OLD, 5), True),
        (Remote(URL, None, None, None), True),
        (Remote(URL, '"f"', OLD, 5), False),
        (Remote(URL, '"e"', NOW, 5), False),
        (Remote(URL, '"e"', OLD, 6), False),
        (Remote(URL + "x", '"e"', OLD, 5), False),
    ],
)
def test_versions_differ_where_anything_both_say_differs(other, same):
    assert Remote(URL, '"e"', OLD, 5).is_same(other) is same
