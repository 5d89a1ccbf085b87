"""After publishing and after a promotion: what came of it is mirrored to MLflow, where that is asked for.

A mirror is never worth a training: whatever goes wrong is one warning, which names the command that does it again.
"""

import json
import logging
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kittidet.config_tracking import TrackingConfig
from kittidet.errors import KittidetError, RegistryError, first_line
from kittidet.masking import masked
from kittidet.mirror.place import ADDRESS, check_tracking, tracking_place
from kittidet.progress import in_words

if TYPE_CHECKING:
    from kittidet.registry.registry import Registry

log = logging.getLogger(__name__)


def mirror_published(store: Path | str, run: Path, tracking: TrackingConfig) -> None:
    """Mirror a published run where that is asked for; what fails is one warning."""
    with _only_warned(str(run)):
        _mirror(store, run, tracking)


def mirror_registered(store: Path | str, model: str, tracking: TrackingConfig | None = None) -> None:
    """Mirror a model of a store's registry where that is asked for; what fails is one warning.

    Args:
        store: its folder or URL.
        model: its name.
        tracking: what is asked for; None: as the champion's run was configured.
    """
    from kittidet.registry.registry import Registry

    with _only_warned(model, "--store", str(store)):
        _mirror(store, model, _tracking_of(Registry(store), model) if tracking is None else tracking)


def mirror_by_hand(store: Path | str, what: Path | str) -> None:
    """Mirror a run folder, or a model by its name: to what the environment names, else to a file in the store.

    Raises:
        ConfigError: if MLflow is not installed.
        KittidetError: if there is no such run or model, or it is damaged.
    """
    asked = TrackingConfig(mlflow="local")
    check_tracking(asked, store)
    _mirror(store, what, asked)


def _mirror(store: Path | str, what: Path | str, tracking: TrackingConfig) -> None:
    place = tracking_place(tracking, store)
    if place is None:
        return
    from kittidet.mirror.client import connected
    from kittidet.mirror.models import mirror_model
    from kittidet.mirror.runs import mirror_folder
    from kittidet.registry.registry import Registry
    from kittidet.runs.run import Run

    try:
        with connected(place) as client:
            if isinstance(what, Path):
                mirror_folder(client, place, Run.open(what))
            else:
                mirror_model(client, place, Registry(store), what)
    except KittidetError:
        raise
    except Exception as error:  # MLflow raises what its database, its server and the network raise
        raise RegistryError(
            f"{what}: cannot be mirrored to MLflow: {type(error).__name__}: {masked(first_line(error)).rstrip('.')}. "
            f"Look at {ADDRESS}, if it is set, and at what listens there."
        ) from error


def _tracking_of(registry: "Registry", model: str) -> TrackingConfig:
    from kittidet.registry.register import read_file
    from kittidet.runs.run import CONFIG

    champion = registry.champion(model)
    if champion is None:
        return TrackingConfig(mlflow="off")
    # That section alone: the configuration may be of another version.
    return TrackingConfig.model_validate(json.loads(read_file(registry, champion, CONFIG)).get("tracking", {}))


@contextmanager
def _only_warned(*again: str) -> Iterator[None]:
    try:
        yield
    except (KittidetError, ValueError, AttributeError) as error:
        command = f"kittidet models mirror {shlex.join(again)}"
        log.warning(
            "mirror.failed what=%s error=%s again=%r",
            *(again[0], error, command),
            extra=in_words(f"{error} `{command}` does it again."),
        )
