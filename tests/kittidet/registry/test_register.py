"""kittidet.registry.register: a run goes in whole, once, and comes out as it was."""

import json

import pytest

from kittidet.errors import RegistryError, StoreError
from kittidet.files import digest_files, digest_path
from kittidet.object_store import ObjectStore
from kittidet.registry.register import checkpoint_of, pull, pulled_here, read_file, register
from kittidet.registry.registry import Registry
from kittidet.runs.run import Run


@pytest.fixture
def registry(tmp_path) -> Registry:
    return Registry(tmp_path / "store")


def test_a_version_knows_what_it_was_made_from_and_how_sure_its_scores_are(registry, published):
    run = published("first")
    version = register(registry, run, model="m")
    assert (version.model, version.version, version.parent) == ("m", 1, None)
    assert version.lineage.data == "d" * 64
    assert version.lineage.code == "c" * 64
    assert version.lineage.split == run.summary["digests"]["split"]
    assert version.lineage.started_from == "random weights"
    assert version.checkpoint == digest_path(run.best_checkpoint)
    ap = version.metrics["ap"]
    assert ap.value == run.summary["ap"]
    assert ap.low < ap.value < ap.high
    assert set(version.per_class_ap) == set(run.summary["per_class_ap"])
    assert version.is_synthetic
    assert registry.versions("m") == [version]


def test_the_same_run_is_one_version(registry, published):
    run = published("first")
    assert register(registry, run, model="m") == register(registry, run, model="m")
    assert register(registry, published("second"), model="m").version == 2


def test_the_version_whose_checkpoint_it_started_from_is_the_parent(registry, published):
    first = register(registry, published("first", weights=b"1"), model="m")
    start = checkpoint_of(registry, first)
    second = register(registry, published("second", weights=b"2", start=str(start)), model="m")
    assert second.parent == 1
    assert second.lineage.started_from == "version 1"


def test_a_version_outlives_its_run_and_is_pulled_as_a_run(registry, published, tmp_path):
    run = published("first")
    version = register(registry, run, model="m")
    before = {name: d for name, d in digest_files(run.path).items() if not name.startswith(("weights/last", ".run"))}
    for file in run.path.rglob("*.*"):
        file.unlink()
    out = pull(registry, version, tmp_path / "pulled")
    assert digest_files(out) == before
    assert Run.open(out).summary["ap"] == version.metrics["ap"].value
    with pytest.raises(RegistryError, match="is there already"):
        pull(registry, version, out)


def test_a_file_that_changed_is_refused_on_either_side(registry, published, tmp_path):
    run = published("first")
    version = register(registry, run, model="m")
    stored = registry.objects.root / "files" / version.files["summary.json"]
    stored.write_bytes(stored.read_bytes() + b" ")
    with pytest.raises(RegistryError, match=r"changed since it was registered \(summary.json"):
        pull(registry, version, tmp_path / "pulled")
    assert not (tmp_path / "pulled").exists()
    changed = published("second")
    (changed.path / "summary.json").write_text(json.dumps(changed.summary) + " ")
    with pytest.raises(StoreError, match="changed since it was published"):
        register(registry, changed, model="m")
    assert len(registry.versions("m")) == 1


def test_a_pulled_checkpoint_is_made_once_and_checked_each_time(registry, published):
    version = register(registry, published("first"), model="m")
    path = checkpoint_of(registry, version)
    assert checkpoint_of(registry, version) == path
    (path / "model.weights.h5").write_bytes(b"other")
    with pytest.raises(RegistryError, match="changed since it was pulled"):
        checkpoint_of(registry, version)


def test_a_folder_that_no_run_was_published_to_is_refused(registry, finished_run):
    with pytest.raises(StoreError, match=r"\.run\.json"):
        register(registry, Run(finished_run))


def test_a_profile_is_kept_with_the_version(registry, published, tmp_path):
    (tmp_path / "p.json").write_text("[]")
    version = register(registry, published("first"), model="m", profile=tmp_path / "p.json", config="asked")
    assert read_file(registry, version, "profile.json") == b"[]"
    assert version.lineage.config == "asked"
    with pytest.raises(RegistryError, match=r"has no file nothing\.txt"):
        read_file(registry, version, "nothing.txt")


def test_a_version_registered_on_one_machine_is_pulled_on_another_with_nothing_else_shared(
    bucket, on_machine, published, tmp_path, line
):
    on_machine("first")
    run = published("first", weights=bytes(100_000))
    version = register(Registry(bucket), run, model="m")
    started = checkpoint_of(Registry(bucket), version)
    # The same weights in another run are not sent again.
    line.requests.clear()
    register(Registry(bucket), published("second", weights=bytes(100_000)), model="m")
    assert not [size for method, _, size in line.requests if method == "PUT" and size >= 100_000]

    on_machine("second")
    registry = Registry(bucket)
    out = pull(registry, registry.version("m", 1), tmp_path / "pulled")
    assert digest_path(out / "weights" / "best") == version.checkpoint
    started.rename(tmp_path / "elsewhere")
    here = pulled_here(registry, started)
    assert here.is_relative_to(registry.folder)
    assert digest_path(here) == version.checkpoint
    assert pulled_here(registry, tmp_path / "my.h5") == tmp_path / "my.h5"


def test_a_file_damaged_in_the_object_store_is_refused(bucket, published):
    registry = Registry(bucket)
    version = register(registry, published("first"), model="m")
    ObjectStore(bucket).write(f"registry/files/{version.files['val.txt']}", b"000000\n")
    with pytest.raises(RegistryError, match=r"changed since it was registered \(val\.txt"):
        read_file(registry, version, "val.txt")
