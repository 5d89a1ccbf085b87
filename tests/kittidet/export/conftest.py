import os
from pathlib import Path

import numpy as np
import pytest

from kittidet.classes import ClassTable
from kittidet.config import EvalConfig, ExportConfig, ModelConfig

INPUT_HW = (64, 128)
# Names of a person's own: nothing of an export may take them for KITTI's.
OWN = ClassTable(("hard_hat", "vest", "cone", "barrow", "crane", "digger", "sign", "dog"))


@pytest.fixture(scope="session")
def checkpoint(shallow_networks, tmp_path_factory) -> Path:
    """A small detector whose scores spread over 0..1, as those of a trained one do."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from kittidet.detect.checkpoint import DetectorFacts, write_checkpoint
    from kittidet.model.efficientdet import build_efficientdet

    network = build_efficientdet("lite-shallow", len(OWN), INPUT_HW)
    rng = np.random.default_rng(5)
    for variable in network.get_layer("class_net").weights:
        if "predict" in variable.path:
            spread = 0.02 if "kernel" in variable.path else 0.0
            centre = -3.0 if "bias" in variable.path else 0.0
            variable.assign(centre + rng.normal(0, 1, variable.shape) * (spread or 0.5))
    facts = DetectorFacts(
        ModelConfig(variant="lite-shallow", input_hw=INPUT_HW), OWN, step=1234, epoch=7, records_digest="ab" * 32
    )
    return write_checkpoint(tmp_path_factory.mktemp("checkpoints"), network, facts).path


@pytest.fixture(scope="session")
def class_names() -> tuple[str, ...]:
    return OWN.names


@pytest.fixture(scope="session")
def detector(checkpoint):
    from kittidet.detect.detector import Detector

    return Detector.load(checkpoint)


@pytest.fixture(scope="session")
def evaluation() -> EvalConfig:
    return EvalConfig(max_detections=20)


@pytest.fixture(scope="session")
def exported(checkpoint, evaluation, tmp_path_factory):
    """The small detector as a SavedModel with its card; saving takes long, so all tests read this one."""
    from kittidet.export.write import export_detector

    out = tmp_path_factory.mktemp("exported") / "out"
    return export_detector(checkpoint, out, config=ExportConfig(), evaluation=evaluation)


@pytest.fixture(scope="session")
def checks(detector, evaluation):
    from kittidet.export.check_set import build_check_set

    return build_check_set(detector, evaluation=evaluation)
