"""kittidet.config_types: no value that would fill a memory, run for years or overflow gets in."""

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from kittidet.config_types import Count, LocalPath, Seconds, Seed, Shards, Share, Side, Variant, Weight


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
