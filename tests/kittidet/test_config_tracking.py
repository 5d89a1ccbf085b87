"""kittidet.config_tracking: nothing is mirrored unless the environment or a key says so, and no address is a key."""

import pytest
from pydantic import ValidationError

from kittidet.config_file import load_run_config
from kittidet.config_tracking import TrackingConfig
from kittidet.presets import kitti_d0


def test_the_environment_decides_unless_a_key_does():
    assert TrackingConfig().mlflow == "auto"
    assert load_run_config(kitti_d0(), overrides=["tracking.mlflow=off"]).tracking.mlflow == "off"


def test_an_address_is_refused_for_it_would_be_saved_with_the_run():
    with pytest.raises(ValidationError):
        TrackingConfig.model_validate({"mlflow": "https://user:secret@tracking.example"})
