import os
from pathlib import Path

import numpy as np
import pytest

from kittidet.classes import KITTI8, ClassTable
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


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory) -> Path:
    """The stand-in network with scores that spread over 0..1; opened where `tiny_models` is used."""
    import keras
    from fixtures.tiny_models import tiny_efficientdet

    from kittidet.detect.checkpoint import DetectorFacts, write_checkpoint

    keras.utils.set_random_seed(4)
    network = tiny_efficientdet("d0", len(KITTI8), INPUT_HW)
    for variable in network.weights:
        # Of the class logits alone: boxes are to stay near their anchors.
        if "kernel" in variable.path and variable.shape[-1] == 9 * len(KITTI8):
            variable.assign(variable * 2.0)
    facts = DetectorFacts(ModelConfig(variant="d0", input_hw=INPUT_HW), KITTI8, step=10, epoch=1)
    return write_checkpoint(tmp_path_factory.mktemp("tiny"), network, facts).path


@pytest.fixture(scope="session")
def tiny_records(tiny_checkpoint, tmp_path_factory) -> tuple[Path, Path]:
    """Records of 32 frames to calibrate on, and of 6 whose labels are what the stand-in finds in them."""
    from fixtures.small_records import label
    from fixtures.tiny_models import tiny_efficientdet
    from PIL import Image

    from kittidet.detect.detector import Detector
    from kittidet.kitti.tree import open_tree
    from kittidet.records.write import write_records

    root = tmp_path_factory.mktemp("kitti")
    folders = [root / "training" / name for name in ("image_2", "label_2")]
    for folder in folders:
        folder.mkdir(parents=True)
    for number in range(38):
        rng = np.random.default_rng(number)
        coarse = Image.fromarray(rng.integers(0, 256, (6, 12, 3), dtype=np.uint8))
        coarse.resize((128, 64), Image.Resampling.BILINEAR).save(folders[0] / f"{number:06d}.png")
        (folders[1] / f"{number:06d}.txt").write_text(label("Car", (10, 10, 40, 30)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kittidet.detect.detector.build_efficientdet", tiny_efficientdet)
        detector = Detector.load(tiny_checkpoint)
    for found in detector.predict(sorted(folders[0].iterdir())[32:], max_detections=4):
        rows = (label(KITTI8.name_of(int(i)), xyxy) for i, xyxy in zip(found.class_ids, found.xyxy, strict=True))
        (folders[1] / f"{found.frame_id}.txt").write_text("".join(rows))
    tree = open_tree(root)
    parts = {"train": tree.frame_ids[:32], "val": tree.frame_ids[32:]}
    for side, ids in parts.items():
        write_records(tree, ids, split_name=side, table=KITTI8, num_shards=1, out_dir=root / side, workers=1)
    return root / "train", root / "val"
