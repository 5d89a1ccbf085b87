"""Checks of the records before the first step: are they valid, and can the anchors learn them?"""

import logging
from pathlib import Path

import numpy as np
import numpy.typing as npt

from kittidet.detect.letterbox import fit_letterbox
from kittidet.errors import TrainingError
from kittidet.model.anchors import anchor_coverage
from kittidet.progress import in_words
from kittidet.records.example import OBJECT_BOX, SIDES, feature_problems
from kittidet.records.manifest import RecordsManifest
from kittidet.records.message import decode_example
from kittidet.records.shard import index_records, read_record
from kittidet.training.targets import POSITIVE_IOU

log = logging.getLogger(__name__)

# Enough for a share within a few per cent; a full read of KITTI's 12 GB would take minutes.
_SAMPLE_FRAMES = 512


def check_records(
    records_dir: Path,
    manifest: RecordsManifest,
    *,
    input_hw: tuple[int, int],
    anchors_xyxy: npt.NDArray[np.float32],
) -> float:
    """Return the share of sampled objects with an anchor of IoU >= 0.5 at this input size; 1 if there are none.

    The others are learned through the one anchor that each is forced upon. A low share means that the input size is
    too small or ``anchor_scale`` too large for these objects.

    Args:
        records_dir: the folder of records.
        manifest: its manifest.
        input_hw: network input, pixels.
        anchors_xyxy: ``[A, 4]`` float32, input pixels.

    Raises:
        TrainingError: if there is nothing to learn, or boxes or labels are invalid (such as boxes in pixels).
        RecordError: if a record is damaged.
    """
    if manifest.num_frames == 0 or manifest.num_objects == 0:
        raise TrainingError(
            f"{records_dir}: expected objects to learn from, got {manifest.num_objects} in {manifest.num_frames} "
            "frames. Check the split and the class table."
        )
    stride = max(1, -(-manifest.num_frames // _SAMPLE_FRAMES))
    places = [(records_dir / s.name, span) for s in manifest.shards for span in index_records(records_dir / s.name)]
    covered = total = 0
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
        boxes = fit_letterbox(size_wh, input_hw).to_input(original_xyxy)
        covered += anchor_coverage(boxes, anchors_xyxy, min_iou=POSITIVE_IOU)
        total += len(boxes)
    share = covered / total if total else 1.0
    log.info(
        "fit.coverage share=%.3f objects=%d input=%dx%d",
        *(share, total, input_hw[1], input_hw[0]),
        extra=in_words(f"anchors reach {share:.0%} of {total} objects at this input size"),
    )
    return share
