"""Checks of the records before the first step: are they valid, and can the anchors learn them?"""

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kittidet.config import AugmentConfig, ModelConfig
from kittidet.detect.letterbox import fit_letterbox
from kittidet.errors import TrainingError
from kittidet.model.anchors import anchor_coverage, anchors_of
from kittidet.model.scaling import variant_spec
from kittidet.progress import in_words
from kittidet.records.example import LABEL, OBJECT_BOX, SIDES, feature_problems
from kittidet.records.manifest import RecordsManifest
from kittidet.records.message import decode_example
from kittidet.records.shard import index_records, read_record
from kittidet.training.targets import POSITIVE_IOU

log = logging.getLogger(__name__)

# Enough for a share within a few per cent; a full read of KITTI's 12 GB would take minutes.
_SAMPLE_FRAMES = 512
# Objects of which other anchors and sizes are tried.
_TRIED_OBJECTS = 500
# Below this share, anchors of another size are worth a word. KITTI's real boxes reach .957 with the published ones.
_ENOUGH = 0.9
_OTHER_SCALES = (2.0, 3.0, 4.0)
# The sizes an image is resized to, from the smallest to the largest.
_JITTER_STEPS = 5
_AT_A_TIME = 64

FloatArray = npt.NDArray[np.float32]


def check_records(
    records_dir: Path, manifest: RecordsManifest, *, model: ModelConfig, augment: AugmentConfig | None = None
) -> float:
    """Return the share of sampled objects with an anchor of IoU >= 0.5 at this input size.

    The others are learned through the one anchor that each is forced upon. A low share means that the input size is
    too small or ``anchor_scale`` too large for these objects. A warning says so, of all or of one class, with what
    would be better.

    Args:
        records_dir: the folder of records.
        manifest: its manifest.
        model: input size and anchors.
        augment: how much images are resized; None: not at all.

    Raises:
        TrainingError: if there is nothing to learn, or boxes or labels are invalid (such as boxes in pixels).
        RecordError: if a record is damaged.
    """
    if manifest.num_frames == 0 or manifest.num_objects == 0:
        raise TrainingError(
            f"{records_dir}: expected objects to learn from, got {manifest.num_objects} in {manifest.num_frames} "
            "frames. Check the split and the class table."
        )
    boxes, labels = _sampled_objects(records_dir, manifest, model.input_hw)
    if len(boxes) == 0:
        return 1.0
    covered = _is_covered(boxes, anchors_of(model))
    share = float(covered.mean())
    per_class = {
        name: float(covered[labels == i].mean())
        for i, name in enumerate(manifest.table.names, start=1)
        if (labels == i).any()
    }
    log.info(
        "fit.coverage share=%.3f objects=%d input=%dx%d classes=%s",
        *(share, len(boxes), model.input_hw[1], model.input_hw[0]),
        " ".join(f"{name}={value:.3f}" for name, value in per_class.items()),
        extra=in_words(f"anchors reach {share:.0%} of {len(boxes)} objects at this input size"),
    )
    low = [f"{name} {value:.0%}" for name, value in per_class.items() if value < _ENOUGH]
    if low:
        log.warning("anchors reach few objects of %s. %s", ", ".join(low), _advice(boxes, model, augment))
    return share


def share_covered(records_dir: Path, manifest: RecordsManifest, *, model: ModelConfig) -> float:
    """Return what `check_records` returns, and say nothing.

    Raises:
        TrainingError, RecordError: as `check_records`.
    """
    boxes, _ = _sampled_objects(records_dir, manifest, model.input_hw)
    return float(_is_covered(boxes, anchors_of(model)).mean()) if len(boxes) else 1.0


def _advice(boxes: FloatArray, model: ModelConfig, augment: AugmentConfig | None) -> str:
    """Return what other anchors would reach, under the configured resizing."""
    some = boxes[:: -(-len(boxes) // _TRIED_OBJECTS)]
    resized = some if augment is None else _resized(some, augment)
    now = variant_spec(model.variant).anchor_scale if model.anchor_scale is None else model.anchor_scale
    shares = {
        scale: float(_is_covered(resized, anchors_of(model.model_copy(update={"anchor_scale": scale}))).mean())
        for scale in sorted({now, *_OTHER_SCALES})
    }
    best = max(shares, key=lambda scale: shares[scale])
    how = "as images are resized in training, model.anchor_scale" if augment is not None else "model.anchor_scale"
    reached = ", ".join(f"{scale:g} reaches {share:.0%}" for scale, share in shares.items())
    if shares[best] >= _ENOUGH and best != now:
        return f"Of all, {how} {reached}: set model.anchor_scale={best:g}"
    return f"Of all, {how} {reached}: a larger model.input_hw would reach more"


def _resized(boxes: FloatArray, augment: AugmentConfig) -> FloatArray:
    """Return the boxes at the sizes that random resizing gives them, one set after the other."""
    factors = np.linspace(augment.scale_min, augment.scale_max, _JITTER_STEPS, dtype=np.float32)
    # About the box's own centre: where it lies changes little, how large it is decides.
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    return np.concatenate([np.concatenate([centre - f * half, centre + f * half], axis=1) for f in factors])


def _is_covered(boxes: FloatArray, anchors: FloatArray) -> npt.NDArray[np.bool_]:
    # A few at a time: all against all anchors would be gigabytes.
    parts = [boxes[i : i + _AT_A_TIME] for i in range(0, len(boxes), _AT_A_TIME)]
    return np.concatenate([anchor_coverage(part, anchors, min_iou=POSITIVE_IOU) for part in parts])


def _sampled_objects(
    records_dir: Path, manifest: RecordsManifest, input_hw: tuple[int, int]
) -> tuple[FloatArray, npt.NDArray[np.int64]]:
    """Return boxes ``[n, 4]``, input pixels, and labels ``[n]`` of the objects in some records, which are checked."""
    stride = max(1, -(-manifest.num_frames // _SAMPLE_FRAMES))
    places = [(records_dir / s.name, span) for s in manifest.shards for span in index_records(records_dir / s.name)]
    boxes, labels = [np.zeros((0, 4), np.float32)], [np.zeros(0, np.int64)]
    for path, span in places[::stride]:
        features = decode_example(read_record(path, span), where=str(path))
        problems = feature_problems(features, num_classes=len(manifest.table))
        if problems:
            raise TrainingError(
                f"{path}, byte {span.offset}: {problems[0]} ({len(problems)} problems). Boxes in pixels teach "
                "nothing: the box loss stays 0. Run `kittidet inspect`, then write the records again."
            )
        sides = [np.array(features[OBJECT_BOX + side][1], dtype=np.float32) for side in SIDES]
        size_wh = (int(features["image/width"][1][0]), int(features["image/height"][1][0]))
        original_xyxy = np.stack(sides, axis=-1).reshape(-1, 4) * np.array([*size_wh, *size_wh], dtype=np.float32)
        boxes.append(fit_letterbox(size_wh, input_hw).to_input(original_xyxy).astype(np.float32))
        labels.append(np.array(features[LABEL][1], dtype=np.int64))
    return np.concatenate(boxes), np.concatenate(labels)
