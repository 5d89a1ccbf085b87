"""kittidet.steps.cluster: a step makes the same to the bit whoever does its batches, and a cluster is tried first."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kittidet.config import ComputeConfig, RecordsConfig, SourceConfig, SplitConfig, ValidateConfig
from kittidet.errors import ConfigError, WorkerError
from kittidet.steps import cluster
from kittidet.steps.cluster import executor_for, look
from kittidet.steps.fetch import fetch
from kittidet.steps.records import write
from kittidet.steps.split import split
from kittidet.steps.validate import validate
from kittidet.store import StepOutput, Store

RECORDS = RecordsConfig(train_shards=4, val_shards=2)


def files_of(store: Store, output: StepOutput) -> dict[str, str]:
    return {name: facts for name, facts in (store.digests(output) or {}).items() if not name.startswith("_")}


def test_threads_open_no_cluster(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "find_spec", lambda name: pytest.fail("looked for Dask"))
    for compute in (ComputeConfig(), ComputeConfig(runner="dask", steps=("evaluate",))):
        with executor_for("records", compute, [tmp_path]) as executor:
            assert executor is None


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'kittidet\[dask\]'"):
        executor_for("records", ComputeConfig(runner="dask"), []).__enter__()


def test_a_worker_tells_what_it_sees(tmp_path):
    facts = look([str(tmp_path), str(tmp_path / "absent")])
    assert facts["missing"] == [str(tmp_path / "absent")]
    assert len(facts["code"]) == 64


@contextmanager
def running_cluster(workers: int, *, processes: bool = False) -> Iterator[str]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=processes, protocol="tcp", dashboard_address=None
    ) as running:
        yield running.scheduler_address


slow = [pytest.mark.slow, pytest.mark.filterwarnings("default")]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A store with the data set, and its records and findings as one process makes them."""
    store = Store(tmp_path_factory.mktemp("alone"))
    dataset = fetch(store, SourceConfig(kind="synthetic", synthetic_frames=12, synthetic_seed=3))
    checked = validate(store, dataset, ValidateConfig(), RECORDS)
    parts = split(store, dataset, checked, SplitConfig(val_share=0.34))
    return store, dataset, checked, parts, write(store, dataset, parts, "train", RECORDS)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("workers", "processes"), [(1, False), (2, True), (4, False)])
def test_findings_and_records_are_the_same_to_the_bit_with_any_number_of_workers(
    data, tmp_path, monkeypatch, workers, processes
):
    monkeypatch.setattr("kittidet.kitti.validation.image_files._IMAGES_A_BATCH", 5)
    alone, dataset, *_, records = data
    store = Store(tmp_path)
    dataset = fetch(store, SourceConfig(kind="synthetic", synthetic_frames=12, synthetic_seed=3))
    with running_cluster(workers, processes=processes) as address:
        compute = ComputeConfig(runner="dask", address=address)
        checked = validate(store, dataset, ValidateConfig(), RECORDS, compute)
        parts = split(store, dataset, checked, SplitConfig(val_share=0.34))
        together = write(store, dataset, parts, "train", RECORDS, compute)
    assert (checked.digest, together.digest) == (data[2].digest, records.digest)
    assert files_of(store, checked) == files_of(alone, data[2])
    assert files_of(store, together) == files_of(alone, records)
    assert len(files_of(store, together)) == 5


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_that_does_not_fit_is_refused_before_anything_is_handed_out(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "WORKERS_WITHIN_S", 3.0)
    with running_cluster(1) as address:
        compute = ComputeConfig(runner="dask", address=address)
        with pytest.raises(WorkerError, match=r"does not see .*absent.*Mount"):
            executor_for("records", compute, [tmp_path, tmp_path / "absent"]).__enter__()
        # The worker, in this process, is asked first.
        answers = iter(["a" * 64, "b" * 64])
        monkeypatch.setattr("kittidet.steps.code.code_digest", lambda: next(answers))
        with pytest.raises(WorkerError, match=r"runs other versions of the steps \(aaaaaaaaaaaa\)"):
            executor_for("records", compute, [tmp_path]).__enter__()
    with pytest.raises(WorkerError, match=r"no Dask scheduler responds at tcp://127.0.0.1:9"):
        executor_for("records", ComputeConfig(runner="dask", address="tcp://127.0.0.1:9"), []).__enter__()


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_without_an_address_the_cluster_is_this_machines_cores(tmp_path):
    with executor_for("records", ComputeConfig(runner="dask"), [tmp_path]) as executor:
        assert executor.submit(look, [str(tmp_path)]).result(timeout=60)["missing"] == []
