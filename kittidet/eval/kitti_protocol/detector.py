"""KITTI AP of a detector with a class table of its own: which of KITTI's classes it is scored on, and by which name.

A class stands for KITTI's if it has its name, or if the table labels that type with it and no other type that the
protocol would count against it: ``kitti3``'s Vehicle is not scored as Car, as each truck it finds would be a false car.
"""

from collections.abc import Sequence
from dataclasses import replace

from kittidet.classes import KITTI_TYPES, ClassTable
from kittidet.errors import EvaluationError
from kittidet.eval.kitti_protocol.ap import OFFICIAL_OVERLAP, KittiAp, kitti_ap
from kittidet.eval.kitti_protocol.curves import NEUTRAL
from kittidet.frame import Detections, Frame
from kittidet.kitti.results import kitti_result_rows


def detector_ap(
    frames: Sequence[Frame], detections: Sequence[Detections], table: ClassTable, *, order_free: bool = False
) -> KittiAp:
    """Return AP of the KITTI classes that a detector can name; the others are in ``not_scored`` with the reason.

    Args:
        frames: the frames that are scored, with full label rows; boxes are clipped to their image, as detections are.
        detections: at most one record a frame, boxes in original pixels.
        table: the class table of the detections' ids.
        order_free: also score by the order-free rule.

    Raises:
        EvaluationError: as ``kitti_ap``, or if the detector can name none of KITTI's three.
    """
    kitti_names, not_scored = _kitti_names(table)
    if len(not_scored) == len(OFFICIAL_OVERLAP):
        reasons = "; ".join(f"{name}: {why}" for name, why in not_scored.items())
        raise EvaluationError(f"the detector has none of {', '.join(not_scored)} ({reasons}). Use COCO AP instead.")
    scores = kitti_ap(
        {frame.frame_id: frame.clipped().objects for frame in frames},
        {found.frame_id: kitti_result_rows(found, kitti_names) for found in detections},
        order_free=order_free,
    )
    official, loose, free = (
        {name: score for name, score in (by_class or {}).items() if name not in not_scored}
        for by_class in (scores.official, scores.loose, scores.order_free)
    )
    return replace(
        scores,
        official=official,
        loose=loose,
        order_free=free if order_free else None,
        not_scored=not_scored,
        notes=tuple(note for note in scores.notes if note.partition(":")[0] not in not_scored),
    )


def _kitti_names(table: ClassTable) -> tuple[ClassTable, dict[str, str]]:
    """Return the table with KITTI's names where a class stands for KITTI's, and why the others of the three do not."""
    # Off the devkit's names, which ignore case: no other class may be taken for one of them.
    names = [
        name if name in KITTI_TYPES and table.id_of(name) == class_id else f"other:{name}"
        for class_id, name in enumerate(table.names, start=1)
    ]
    not_scored = {}
    for kitti_type in OFFICIAL_OVERLAP:
        class_id = table.id_of(kitti_type)
        if class_id is None:
            not_scored[kitti_type] = "the detector has no such class"
            continue
        neutral = NEUTRAL.get(kitti_type.lower())
        others = [t for t in KITTI_TYPES if table.id_of(t) == class_id and t != kitti_type and t.lower() != neutral]
        own = table.name_of(class_id)
        if others and own != kitti_type:
            not_scored[kitti_type] = f"part of the detector's {own}, with {', '.join(others)}"
            continue
        names[class_id - 1] = kitti_type
    return ClassTable(tuple(names)), not_scored
