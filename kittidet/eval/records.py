"""A detector over records: what it finds in every frame of a folder of TFRecords."""

import logging
from collections.abc import Sequence
from pathlib import Path

from kittidet.config import EvalConfig
from kittidet.data.pipeline import evaluation_batches, plain_record_errors
from kittidet.detect.detector import Detector
from kittidet.frame import Detections
from kittidet.model.scaling import variant_spec
from kittidet.progress import FrameProgress
from kittidet.records.manifest import read_manifest

log = logging.getLogger(__name__)


@plain_record_errors()
def predict_records(
    detector: Detector,
    records_dir: Path,
    *,
    config: EvalConfig,
    images_dir: Path | None = None,
    places: Sequence[int] | None = None,
    progress: FrameProgress | None = None,
) -> list[Detections]:
    """Return what a detector finds in every frame of a folder of records, in the records' order.

    Args:
        detector: the network and what its outputs mean.
        records_dir: a folder that ``records.write`` made, with the detector's class table.
        config: batch size, score threshold, suppression, detections an image.
        images_dir: the folder of the images, of records that refer to them.
        places: of the frames that are wanted, counted from 0 in the records' order; None: all.
        progress: called with (frames done, frames in all) after each batch.

    Raises:
        ConfigError: if records and detector have different class tables.
        RecordError: if the records are incomplete or damaged.
    """
    manifest = read_manifest(records_dir)
    detector.table.check_same(manifest.table, here="the detector", there=f"the records in {records_dir}")
    spec = variant_spec(detector.model.variant)
    batches = evaluation_batches(
        records_dir,
        input_hw=detector.model.input_hw,
        batch_size=config.batch_size,
        pixel_mean=spec.pixel_mean,
        pixel_std=spec.pixel_std,
        images_dir=images_dir,
        places=places,
    )
    wanted = manifest.num_frames if places is None else len(places)
    found: list[Detections] = []
    for batch in batches:
        names = [name.decode() for name in batch["frame_id"].numpy()]
        rows, sizes = batch["letterbox"].numpy(), batch["original_wh"].numpy()
        found += detector.predictor.detect(batch["image"], names, rows, sizes, config=config)
        if progress is not None:
            progress(len(found), wanted)
    log.info("predict.records dir=%s frames=%d detections=%d", records_dir, len(found), sum(map(len, found)))
    return found
