"""The one place that imports MLflow: a client that sends no telemetry, and has its files for itself."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kittidet.files import locked
from kittidet.mirror.place import TrackingPlace

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "MLFLOW_EXPERIMENT_NAME"
_DEFAULT_EXPERIMENT = "kittidet"
_REGISTRY = "MLFLOW_REGISTRY_URI"
_EXISTS = "RESOURCE_ALREADY_EXISTS"


@contextmanager
def connected(place: TrackingPlace) -> Iterator["MlflowClient"]:
    """Yield a client of an MLflow, which no other process of this machine mirrors to meanwhile.

    Two processes that use a new SQLite file at once would leave it unusable, and two that mirror one run make two.

    Raises:
        ImportError: if MLflow is not installed.
        OSError: if the lock file cannot be made.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    # It would print links, whose addresses may hold a password.
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    # A server that is gone is asked three times; by MLflow's default that takes four minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    from mlflow import MlflowClient  # noqa: PLC0415  two seconds, after the settings above

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    with locked(place.lock, waiting_for="a mirror in MLflow"):
        yield MlflowClient(tracking_uri=place.uri, registry_uri=os.environ.get(_REGISTRY) or place.uri)


def experiment_id(client: "MlflowClient", place: TrackingPlace) -> str:
    """Return the experiment that runs are mirrored to, ``MLFLOW_EXPERIMENT_NAME`` or ``kittidet``; made if need be."""
    from mlflow import MlflowException  # noqa: PLC0415  as above

    name = os.environ.get(EXPERIMENT) or _DEFAULT_EXPERIMENT
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            folder = None if place.artifacts is None else (place.artifacts / name).as_uri()
            return str(client.create_experiment(name, artifact_location=folder))
        except MlflowException as error:
            found = client.get_experiment_by_name(name) if error.error_code == _EXISTS else None
            if found is None:
                raise
    return str(found.experiment_id)
