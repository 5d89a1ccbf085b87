"""kittidet.registry.lineage: back to the first start, and forth from a frame."""

from kittidet.registry.lineage import ancestors, describe_origin, saw_frame, version_of
from kittidet.registry.register import checkpoint_of, register
from kittidet.registry.registry import Registry


def test_a_version_leads_to_its_first_start_and_a_frame_to_who_saw_it(tmp_path, published):
    registry = Registry(tmp_path / "store")
    first = register(registry, published("first", weights=b"1"), model="m")
    start = str(checkpoint_of(registry, first))
    second = register(registry, published("second", weights=b"2", start=start), model="m")
    other = register(registry, published("third", weights=b"3"), model="n")
    assert ancestors(registry, second) == [second, first]
    assert ancestors(registry, other) == [other]
    assert list(saw_frame(registry, "900001")) == [(first, "train"), (second, "train"), (other, "train")]
    assert {side for _, side in saw_frame(registry, "000003")} == {"val"}
    assert list(saw_frame(registry, "123456")) == []


def test_a_run_finds_its_version_in_the_registry_of_its_store(tmp_path, published):
    run = published("first", store=tmp_path / "store")
    assert version_of(run) is None
    version = register(Registry(tmp_path / "store"), run, model="m")
    assert version_of(run) == version
    facts = dict(describe_origin(version))
    assert facts["started from"] == "random weights"
    assert facts["data"] == f"{'d' * 16}, synthetic scenes"
