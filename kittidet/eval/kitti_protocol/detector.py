"""KITTI AP of a detector with a class table of its own: which of KITTI's classes it is scored on, and by which name.

A class stands for KITTI's if it has its name, or if the table labels that type with it and no other of KITTI's three.
What else it holds the protocol counts against it: each truck that ``kitti3``'s Vehicle finds is a false Car. So the
class that was scored and a note stand beside such an AP.
"""

from collections.abc import Sequence
from dataclasses import replace

from kittidet.classes import KITTI_TYPES, ClassTable
from kittidet.config import CompareConfig
from kittidet.errors import EvaluationError
from kittidet.eval.kitti_protocol.ap import OFFICIAL_OVERLAP, KittiAp, kitti_ap
from kittidet.eval.kitti_protocol.outcomes import NEUTRAL
from kittidet.frame import Detections, Frame
from kittidet.kitti.results import kitti_result_rows


def detector_ap(
    frames: Sequence[Frame],
    detections: Sequence[Detections],
    table: ClassTable,
    *,
    order_free: bool = False,
    draws: CompareConfig | None = None,
) -> KittiAp:
    """Return AP of the KITTI classes that a detector can name; the others are in ``not_scored`` with the reason.

    Args:
        frames: the frames that are scored, with full label rows; boxes are clipped to their image, as detections are.
        detections: at most one record a frame, boxes in original pixels.
        table: the class table of the detections' ids.
        order_free: also score by the order-free rule.
        draws: also give intervals of the official scores.

    Raises:
        EvaluationError: as ``kitti_ap``, or if the detector can name none of KITTI's three.
    """
    kitti_names, scored_on, not_scored = _kitti_names(table)
    if len(not_scored) == len(OFFICIAL_OVERLAP):
        reasons = "; ".join(f"{name}: {why}" for name, why in not_scored.items())
        raise EvaluationError(f"the detector has none of {', '.join(not_scored)} ({reasons}). Use COCO AP instead.")
    scores = kitti_ap(
        {frame.frame_id: frame.clipped().objects for frame in frames},
        {found.frame_id: kitti_result_rows(found, kitti_names) for found in detections},
        order_free=order_free,
        draws=draws,
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
        scored_on={name: own for name, own in scored_on.items() if own != name},
        not_scored=not_scored,
        notes=(
            *(note for note in scores.notes if note.partition(":")[0] not in not_scored),
            *(_mixture_note(name, own, table) for name, own in scored_on.items() if _other_types(name, own, table)),
        ),
    )


def _kitti_names(table: ClassTable) -> tuple[ClassTable, dict[str, str], dict[str, str]]:
    """Return the table with KITTI's names, KITTI's class -> the one that stands for it, and why others have none."""
    # Off the devkit's names, which ignore case: no other class may be taken for one of them.
    names = [f"other:{name}" for name in table.names]
    for place, name in enumerate(table.names):
        if name in KITTI_TYPES and table.id_of(name) == place + 1:
            names[place] = name
    scored_on, not_scored = {}, {}
    for kitti_type in OFFICIAL_OVERLAP:
        class_id = table.id_of(kitti_type)
        if class_id is None:
            not_scored[kitti_type] = "the detector has no such class"
            continue
        own = table.name_of(class_id)
        rivals = [name for name in OFFICIAL_OVERLAP if name != kitti_type and table.id_of(name) == class_id]
        if rivals and own != kitti_type:
            not_scored[kitti_type] = f"part of the detector's {own}, with {', '.join(rivals)}"
            continue
        names[class_id - 1] = kitti_type
        scored_on[kitti_type] = own
    return ClassTable(tuple(names)), scored_on, not_scored


def _other_types(kitti_type: str, own: str, table: ClassTable) -> list[str]:
    """Return the KITTI types of a class that count against it when it is scored as one of them."""
    neutral = {kitti_type, NEUTRAL.get(kitti_type.lower(), "").capitalize()}
    class_id = table.id_of(own)
    return [t for t in KITTI_TYPES if table.id_of(t) == class_id and t not in neutral]


def _mixture_note(kitti_type: str, own: str, table: ClassTable) -> str:
    others = ", ".join(_other_types(kitti_type, own, table))
    return (
        f"{kitti_type}: scored on the detector's {own}, which also holds {others}: each of these that it finds is a "
        f"false {kitti_type}, so this AP reads lower than that of a detector of {kitti_type} alone."
    )
