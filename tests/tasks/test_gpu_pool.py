"""tasks.gpu_pool: the child is started once, attached to again, and believed only if the store holds its work."""

import contextvars
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from kittidet.errors import TrainingError
from kittidet.store import Store
from tasks import gpu_pool
from tasks.gpu_pool import cancel_children, has_gpu_worker, is_trained, train_on_gpu_pool

PARAMETERS = {"store_dir": "/s", "config": {}, "data": {}}


@pytest.fixture
def child_deployment(prefect_server, monkeypatch):
    """A deployment without a worker, and a poll that does not wait."""
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate

    @flow(name="child")
    def child(store_dir: str, config: dict, data: dict) -> None: ...

    with get_client(sync_client=True) as client:
        client.create_work_pool(WorkPoolCreate(name="child-pool", type="process", base_job_template={}), overwrite=True)
        flow_id = client.create_flow(child)
        client.create_deployment(flow_id=flow_id, name="child", work_pool_name="child-pool", entrypoint="a:b")
    monkeypatch.setattr(gpu_pool, "DEPLOYMENT", "child/child")
    monkeypatch.setattr(gpu_pool, "POLL_S", 0.05)


@pytest.fixture
def parent(prepared, child_deployment, fake_training, tmp_path):
    """A flow that trains in the pool; a store of its own, so that nothing is trained yet."""
    import shutil

    from prefect import flow

    from tasks.gpu_pool import train_on_gpu_pool

    store_dir = tmp_path / "store"
    shutil.copytree(prepared.store_dir, store_dir, ignore=shutil.ignore_patterns("train-*", "evaluate-*"))

    @flow(name="parent")
    def parent() -> None:
        train_on_gpu_pool(store_dir, prepared.config, prepared.data)

    parent.store_dir = store_dir
    return parent


@contextmanager
def worker(act):
    """Play the GPU pool's worker: act on each scheduled child; yields the list of those seen."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import (
        FlowFilter,
        FlowFilterName,
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.exceptions import PrefectHTTPStatusError

    stop, seen = threading.Event(), []
    scheduled = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=["SCHEDULED"])))

    def work() -> None:
        with get_client(sync_client=True) as client:
            while not stop.is_set():
                try:
                    runs = client.read_flow_runs(
                        flow_filter=FlowFilter(name=FlowFilterName(any_=["child"])), flow_run_filter=scheduled
                    )
                except (httpx.HTTPError, PrefectHTTPStatusError):
                    # A busy server's refusal; a real worker asks again, too. Without it the parent would wait for ever.
                    runs = []
                for run in runs:
                    if run.id not in seen:
                        seen.append(run.id)
                        try:
                            act(client, run)
                        except BaseException as error:
                            # Whoever waits for the child must hear of it.
                            fail(client, run, message=repr(error))
                            raise
                time.sleep(0.05)

    with ThreadPoolExecutor(1) as pool:
        # The session's settings travel in context variables, which a new thread does not inherit.
        working = pool.submit(contextvars.copy_context().run, work)
        try:
            yield seen
        finally:
            stop.set()
            working.result()


def train_and_complete(client, run) -> None:
    from prefect.states import Completed

    from flows.kitti_train import kitti_train
    from kittidet.steps.evaluate import evaluate_key
    from tasks import steps

    given = kitti_train.validate_parameters(run.parameters)
    store = Store(given["store_dir"])
    config, data = given["config"], given["data"]
    trained = steps.train_step(store, data, config.model, config.train, config.evaluation)
    for checkpoint in trained.summary["checkpoints"]:
        name = checkpoint["name"]
        steps.evaluate_step(store, trained, name, data, config.evaluation)
        assert store.load(evaluate_key(trained, name, data, config.evaluation)) is not None
    client.set_flow_run_state(run.id, Completed(), force=True)


def fail(client, run, message: str = "out of memory") -> None:
    from prefect.states import Failed

    client.set_flow_run_state(run.id, Failed(message=message), force=True)


def complete_without_work(client, run) -> None:
    from prefect.states import Completed

    client.set_flow_run_state(run.id, Completed(), force=True)


def trained_in(store_dir, prepared) -> bool:
    store = Store(store_dir)
    return is_trained(store, prepared.data, prepared.config)


def test_the_child_leaves_its_work_in_the_store_and_is_shown_under_its_parent(parent, prepared):
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId

    assert not trained_in(parent.store_dir, prepared)
    with worker(train_and_complete) as seen:
        state = parent(return_state=True)
    assert state.is_completed()
    assert trained_in(parent.store_dir, prepared)
    with get_client(sync_client=True) as client:
        under = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[state.state_details.flow_run_id]))
        assert [run.id for run in client.read_flow_runs(flow_run_filter=under)] == seen


def test_a_failed_child_fails_its_parent_with_the_reason_and_a_retry_starts_another(parent):
    with worker(fail) as seen, pytest.raises(TrainingError, match="ended as Failed: out of memory"):
        parent()
    assert len(seen) == 1


def test_a_crashed_child_is_waited_for_until_it_was_started_again(parent):
    def crash_and_come_back(client, run) -> None:
        from prefect.states import AwaitingRetry, Crashed

        client.set_flow_run_state(run.id, Crashed(message="killed"), force=True)
        time.sleep(0.5)
        client.set_flow_run_state(run.id, AwaitingRetry(), force=True)
        train_and_complete(client, run)

    with worker(crash_and_come_back) as seen:
        assert parent(return_state=True).is_completed()
    assert len(seen) == 1


def test_a_child_that_stays_crashed_fails_its_parent_in_the_end(parent, monkeypatch):
    from prefect.states import Crashed

    monkeypatch.setattr(gpu_pool, "REVIVED_WITHIN_S", 0.5)
    crash = lambda client, run: client.set_flow_run_state(run.id, Crashed(message="killed"), force=True)  # noqa: E731
    with worker(crash), pytest.raises(TrainingError, match="ended as Crashed: killed"):
        parent()


def test_how_long_a_crashed_child_is_waited_for_does_not_hang_on_the_clock(parent, monkeypatch):
    """The server's clock is two hours ahead of this machine's, as after one that was set back."""
    from datetime import UTC, datetime, timedelta

    from prefect.states import Crashed

    monkeypatch.setattr(gpu_pool, "REVIVED_WITHIN_S", 0.5)
    ahead = datetime.now(UTC) + timedelta(hours=2)

    def crash(client, run) -> None:
        client.set_flow_run_state(run.id, Crashed(message="killed", timestamp=ahead), force=True)

    with worker(crash), pytest.raises(TrainingError, match="ended as Crashed: killed"):
        parent()


def test_success_without_output_means_that_the_store_is_not_shared(parent):
    with worker(complete_without_work), pytest.raises(TrainingError, match="must see the same store"):
        parent()


def test_a_parent_that_comes_back_attaches_to_its_running_child_and_never_to_an_ended_one(child_deployment):
    from prefect import flow
    from prefect.client.orchestration import get_client

    @flow(name="starter")
    def starter() -> list:
        first = gpu_pool._attach_or_start("attach", PARAMETERS)
        second = gpu_pool._attach_or_start("attach", PARAMETERS)
        with get_client(sync_client=True) as client:
            fail(client, first)
        return [run.id for run in (first, second, gpu_pool._attach_or_start("attach", PARAMETERS))]

    first, second, third = starter()
    assert first == second
    assert third != first


def test_cancelling_the_parent_cancels_its_child(child_deployment):
    from prefect import flow
    from prefect.client.orchestration import get_client

    @flow(name="cancelled")
    def cancelled() -> tuple:
        import prefect.runtime

        child = gpu_pool._attach_or_start("cancel", PARAMETERS)
        return child.id, prefect.runtime.flow_run.get_id()

    child_id, parent_id = cancelled()
    with get_client(sync_client=True) as client:
        cancel_children(cancelled, client.read_flow_run(parent_id), None)
        assert client.read_flow_run(child_id).state.name in {"Cancelling", "Cancelled"}


def test_cancelling_a_flow_cancels_the_child_of_a_flow_that_it_called(child_deployment):
    from prefect import flow
    from prefect.client.orchestration import get_client

    @flow(name="called")
    def called() -> object:
        return gpu_pool._attach_or_start("cancel-below", PARAMETERS).id

    @flow(name="caller")
    def caller() -> tuple:
        import prefect.runtime

        return called(), prefect.runtime.flow_run.get_id()

    child_id, caller_id = caller()
    with get_client(sync_client=True) as client:
        cancel_children(caller, client.read_flow_run(caller_id), None)
        assert client.read_flow_run(child_id).state.name in {"Cancelling", "Cancelled"}


def test_without_the_deployment_or_a_worker_there_is_no_gpu_pool(prefect_server, child_deployment, monkeypatch):
    assert not has_gpu_worker()
    monkeypatch.setattr(gpu_pool, "DEPLOYMENT", "nobody/nothing")
    assert not has_gpu_worker()


def test_the_task_is_tried_again_when_the_server_was_away():
    assert train_on_gpu_pool.retries > 0
    assert train_on_gpu_pool.timeout_seconds > 7 * 24 * 3600
