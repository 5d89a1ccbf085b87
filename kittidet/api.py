"""What a person calls on the whole: train from a configuration, score detections. Reached as ``kittidet.train`` etc."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from kittidet.classes import ClassTable, table_of
from kittidet.config import RunConfig
from kittidet.errors import EvaluationError
from kittidet.eval import kitti_protocol
from kittidet.eval.coco import CocoMetrics, Engine, coco_metrics
from kittidet.frame import Detections, Frame
from kittidet.kitti.frames import load_frame
from kittidet.kitti.tree import KittiTree
from kittidet.runs.run import Run


def train(config: RunConfig, data: Path | str | None = None) -> Run:
    """Return the finished run of a configuration: validated, split, trained, every checkpoint scored, the best picked.

    Does only what ``config.store_dir`` does not hold; a training that was killed goes on where it was.

    Args:
        config: such as ``kittidet.presets.kitti_d0()``.
        data: a KITTI tree, or the folder with the official zips, in place of ``config.source``.

    Raises:
        KittidetError: from the step that cannot be done: wrong data, no room, no weights, no memory.
    """
    from kittidet.steps.pipeline import run_pipeline  # noqa: PLC0415  loads the report's plots

    if data is not None:
        source = config.source.model_copy(update={"kind": "folder", "path": Path(data)})
        config = config.model_copy(update={"source": source})
    return Run.open(run_pipeline(config).path)


def evaluate(
    found: Sequence[Detections],
    truth: KittiTree | Sequence[Frame],
    *,
    classes: str | ClassTable | Sequence[str],
    engine: Engine = "pycocotools",
) -> CocoMetrics:
    """Return COCO AP and AR, 0..1, over the frames that ``found`` has a record for, and only those.

    A frame in which nothing was found counts if it has its (empty) record; ``n_images`` of the answer says how many
    frames were scored. Boxes are in pixels of the original images, as ``Detector.predict`` returns them.

    Args:
        found: one record a frame; ``frame_id`` is the name of the frame's files.
        truth: an opened tree, or frames with their labels.
        classes: the class table of the detections' ids: its name, itself, or its names in id order.
        engine: ``pycocotools`` for the number of record, ``hotcoco`` for speed; equal within 1e-9.

    Raises:
        EvaluationError: on a frame that ``truth`` lacks or that comes twice, without any labelled object, or on boxes
            or scores that are no numbers.
    """
    table = table_of(classes)
    return coco_metrics(_frames_of(found, truth, table), found, table, engine=engine)


def kitti_ap(
    found: Sequence[Detections],
    truth: KittiTree | Sequence[Frame],
    *,
    classes: str | ClassTable | Sequence[str],
    order_free: bool = False,
) -> kitti_protocol.KittiAp:
    """Return AP R40 and R11, 0..100, of Car, Pedestrian and Cyclist by the KITTI devkit's protocol.

    As ``evaluate``, over the frames that ``found`` has a record for, labels clipped to their image. Labels need their
    truncation and occlusion: a ``Run``'s own frames have them only where its data is at hand.

    Args:
        found: as for ``evaluate``.
        truth: as for ``evaluate``.
        classes: as for ``evaluate``. A class scores as the KITTI type that the table labels with it; those of the
            three that no class stands for are in ``not_scored`` with the reason, and a class of another name that
            does is in ``scored_on``.
        order_free: also score by a rule that no order of rows changes.

    Raises:
        EvaluationError: as ``evaluate``, or if no object counts at any level, or no class stands for one of the three.
    """
    table = table_of(classes)
    return kitti_protocol.detector_ap(_frames_of(found, truth, table), found, table, order_free=order_free)


def _frames_of(found: Sequence[Detections], truth: KittiTree | Sequence[Frame], table: ClassTable) -> list[Frame]:
    """Return the frame of every record, in order."""
    ids = [item.frame_id for item in found]
    known = set(truth.frame_ids if isinstance(truth, KittiTree) else (frame.frame_id for frame in truth))
    unknown = [frame_id for frame_id in ids if frame_id not in known]
    if unknown or not ids:
        raise EvaluationError(
            f"{len(unknown)} of {len(ids)} predicted frames are not among the {len(known)} labelled ones"
            + (f", for example {unknown[0]!r}" if unknown else "")
            + ". Expected one record or more, each named as a label file; were these made on other images?"
        )
    repeated = [frame_id for frame_id, count in Counter(ids).items() if count > 1]
    if repeated:
        raise EvaluationError(
            f"{len(repeated)} frames have several records, for example {repeated[0]!r}. Keep one each."
        )
    if isinstance(truth, KittiTree):
        return [load_frame(truth, frame_id, table) for frame_id in ids]
    by_id = {frame.frame_id: frame for frame in truth}
    return [by_id[frame_id] for frame_id in ids]
