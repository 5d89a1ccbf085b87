"""Where MLflow is: what the environment names, or a SQLite file in the store; and whether it is installed."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from kittidet.config_tracking import TrackingConfig
from kittidet.errors import ConfigError
from kittidet.store_place import local_folder

ADDRESS = "MLFLOW_TRACKING_URI"
_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True)
class TrackingPlace:
    """An MLflow.

    Attributes:
        uri: as MLflow takes it; may hold a password, and is never shown.
        lock: the file that is locked while it is written to.
        artifacts: where files of runs go; None: as the server has it.
    """

    uri: str
    lock: Path
    artifacts: Path | None


def tracking_place(tracking: TrackingConfig, store: Path | str) -> TrackingPlace | None:
    """Return where runs and models of a store are mirrored to, or None: nowhere.

    Args:
        tracking: what is asked for.
        store: its folder or URL; a local file is in its folder on this machine.
    """
    if tracking.mlflow == "off":
        return None
    folder = local_folder(store) / "mlflow"
    uri = os.environ.get(ADDRESS) or (f"{_SQLITE}{folder / 'mlflow.db'}" if tracking.mlflow == "local" else "")
    if not uri:
        return None
    file = uri.partition("?")[0].removeprefix(_SQLITE)
    if not uri.startswith(_SQLITE) or not file:
        return TrackingPlace(uri, folder / ".lock", None)
    database = Path(file).absolute()
    # MLflow's default is a folder below the current one, which on a worker is anywhere.
    return TrackingPlace(uri, database.with_name(f".{database.name}.lock"), database.parent / "artifacts")


def check_tracking(tracking: TrackingConfig, store: Path | str) -> None:
    """Return quietly where nothing is mirrored, or can be: before hours of training.

    Raises:
        ConfigError: if it is asked for and MLflow is not installed.
    """
    if tracking_place(tracking, store) is not None and find_spec("mlflow") is None:
        asked = f"{ADDRESS} is set" if os.environ.get(ADDRESS) else f"tracking.mlflow={tracking.mlflow}"
        raise ConfigError(
            f"{asked}, but MLflow is not installed: pip install 'kittidet[mlflow]', or set tracking.mlflow=off."
        )
