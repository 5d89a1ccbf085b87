"""kittidet.config_types: no value that would fill a memory, run for years or overflow gets in."""

import re
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from kittidet.config_types import Count, LocalPath, Seconds, Seed, Shards, Share, Side, StorePlace, Variant, Weight


@pytest.mark.parametrize(
    ("kind", "lowest", "highest"),
    [
        (Count, 1, 1_000_000),
        (Seconds, 0, 86_400),
        (Seed, 0, 2**32 - 1),
        (Share, 0, 1),
        (Shards, 1, 10_000),
        (Side, 1, 8192),
        (Weight, 0, 10_000),
    ],
)
def test_a_number_is_within_its_limits(kind, lowest, highest):
    adapter = TypeAdapter(kind)
    assert [adapter.validate_python(value) for value in (lowest, highest)] == [lowest, highest]
    for value in (lowest - 1, highest + 1, 10**30):
        with pytest.raises(ValidationError):
            adapter.validate_python(value)


def test_a_variant_is_one_of_those_there_are():
    assert TypeAdapter(Variant).validate_python("lite3x") == "lite3x"
    with pytest.raises(ValidationError, match="expected one of d0"):
        TypeAdapter(Variant).validate_python("d9")


@pytest.mark.parametrize("path", ["a\0b", "~", "~/kitti", "n" * 256, "/n" * 3000, "\u00e9" * 128])
def test_a_path_that_no_system_opens_is_refused(path):
    with pytest.raises(ValidationError, match="path"):
        TypeAdapter(LocalPath).validate_python(path)


@pytest.mark.parametrize("path", ["", "a~", "a/~", "~a", "n" * 255, "/data/\u00e9"])
def test_any_other_path_is_kept(path):
    assert TypeAdapter(LocalPath).validate_python(path) == Path(path)


def test_a_store_is_a_folder_or_a_url_and_keeps_its_kind_through_json():
    kind = TypeAdapter(StorePlace)
    for given, expected in (("a/b", Path("a/b")), (Path("a"), Path("a")), ("s3://b/p/", "s3://b/p")):
        place = kind.validate_python(given)
        assert (place, type(place)) == (expected, type(expected))
        assert kind.validate_json(kind.dump_json(place)) == expected


@pytest.mark.parametrize("given", ["http://a/b", "s3://", "~/store", "a\0b", 3, None, b"a"])
def test_what_is_no_store_is_refused(given):
    with pytest.raises(ValidationError):
        TypeAdapter(StorePlace).validate_python(given)


def test_a_password_in_the_url_of_a_store_is_refused_by_the_form_too():
    with pytest.raises(ValidationError, match="no user or password"):
        TypeAdapter(StorePlace).validate_python("s3://key:secret@bucket/p")
    pattern = TypeAdapter(StorePlace).json_schema()["pattern"]
    assert re.search(pattern, "s3://bucket/p")
    assert not re.search(pattern, "s3://key:secret@bucket/p")
