"""Prefect's cache over the library's store: a task is Cached exactly when its step's output is there and undamaged.

The key is the step's own (content of the inputs, configuration that is read, version of the step), and Prefect's
record is inside the output it belongs to. See docs/adr/0002-what-a-cache-key-is-made-of.md.
"""

import functools
import inspect
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from prefect import Task
from prefect.cache_policies import CachePolicy
from prefect.context import TaskRunContext
from prefect.utilities.importtools import to_qualified_name

from kittidet.errors import KittidetError
from kittidet.store import StepKey, StepOutput, Store
from tasks.artifacts import show_again

log = logging.getLogger(__name__)

RECORD = "_prefect.json"

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class StepCache(CachePolicy):
    """A cache policy whose key is a library step's.

    Attributes:
        key_of: called with those of the store and the task's arguments that it has a parameter for. Returns the step's
            key, or None where the task has to run whatever the store holds.
    """

    key_of: Callable[..., StepKey | None] | None = None

    def compute_key(
        self,
        task_ctx: TaskRunContext,
        inputs: dict[str, Any],
        flow_parameters: dict[str, Any],
        **kwargs: Any,
    ) -> str | None:
        """Return where the record of this task is, relative to the store; None to run without a record.

        A record whose output is missing or damaged is removed first: the task then runs and makes the output again.
        """
        del task_ctx, flow_parameters, kwargs
        if self.key_of is None:
            raise ValueError("StepCache: expected key_of, the function that returns the step's key")
        store = Store(inputs["store_dir"])
        known = {**inputs, "store": store}
        try:
            key = self.key_of(**{name: known[name] for name in inspect.signature(self.key_of).parameters})
            unshared = _unshared(store, key) if key is not None else []
        except (KittidetError, OSError) as error:
            # What cannot be keyed cannot be done either: the task meets the same error and reports it as its own.
            log.debug("cache.no_key error=%s", error)
            return None
        if key is None:
            return None
        record = store.path(key) / RECORD
        if record.is_file() and (problems := [*store.problems(key), *unshared, *_record_problems(record)]):
            # Of a damaged output the step itself warns, when it makes it again.
            log.info("cache.damaged output=%s problems=%d first=%s", store.path(key), len(problems), problems[0])
            record.unlink(missing_ok=True)
        return f"{key.name}/{RECORD}"


def in_store(task: Task[P, R], store_dir: Path | str) -> Callable[P, R]:
    """Return what calls a task with its records in a store's folder, and shows its artifacts again if it is Cached."""
    stored = _with_records(task, store_dir)

    @functools.wraps(task.fn)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        state = stored(*args, **kwargs, return_state=True)
        output = state.result()
        if state.name == "Cached" and isinstance(output, StepOutput):
            show_again(Store(store_dir).path(output), state.state_details.task_run_id)
        return output

    return call


def _with_records(task: Task[P, R], store_dir: Path | str) -> Task[P, R]:
    return task.with_options(result_storage=Store(store_dir).root, result_serializer="json")


def _unshared(store: Store, key: StepKey) -> list[str]:
    """Return why an output that is here has to be shared again: others need it, and somebody removed it."""
    if store.shared is None or not (store.path(key) / RECORD).is_file() or store.shared.holds(key.name):
        return []
    return [f"{store.place}: does not hold {key.name}"]


def _record_problems(record: Path) -> list[str]:
    """Return why a record must not be read.

    Prefect would unpickle one that names pickle, which can run code, and hand on what another version wrote as it is.
    """
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
        serializer = content["metadata"]["serializer"]["type"]
        kind = json.loads(content["result"])["__class__"] if serializer == "json" else "unread"
    except (OSError, ValueError, KeyError, TypeError):
        return [f"{record}: not a record"]
    if kind != to_qualified_name(StepOutput):
        return [f"{record}: expected a {StepOutput.__name__} in json, got {kind} in {serializer}"]
    return []
