"""What a person may set of tracking: whether runs and models are mirrored to MLflow."""

from typing import Literal

from pydantic import Field

from kittidet.section import Section


class TrackingConfig(Section):
    """Mirroring of finished runs and models; not part of a run's identity."""

    # No address: it may hold a password, and would be saved with the run.
    mlflow: Literal["auto", "local", "off"] = Field(
        "auto",
        description=(
            "auto: to what MLFLOW_TRACKING_URI names, where it is set; local: where it is not set, to a SQLite file "
            "in the store; off: nowhere"
        ),
    )
