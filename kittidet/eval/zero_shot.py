"""What a COCO detector scores on KITTI without any training, class by class, beside the fine-tuned one.

Only classes that COCO has are scored. Others are listed with the reason: an AP of 0 for a class that the detector
was never able to name says nothing. Where COCO has one word for two KITTI types (a Van is a car to it), the type
without a class of its own is neutral, as in the KITTI protocol.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kittidet.classes import COCO_CLASSES, COCO_IDS, ClassTable, coco_name, plain_name
from kittidet.eval.coco import CocoMetrics, Engine, score_coco
from kittidet.eval.coco_format import coco_ground_truth, result_rows, scored_rows
from kittidet.frame import Detections, Frame

_COCO_NAMES: Mapping[int, str] = {number: name for name, number in COCO_IDS.items()}


@dataclass(frozen=True, slots=True)
class CocoCoverage:
    """What COCO's classes mean in a class table.

    Attributes:
        class_of_coco: COCO id -> class id of the table.
        neutral: type that COCO calls by another class's word -> that class's id.
        not_covered: class name -> why it cannot be scored.
    """

    class_of_coco: Mapping[int, int]
    neutral: Mapping[str, int]
    not_covered: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ZeroShotBaseline:
    """A COCO detector's scores on KITTI frames, and a fine-tuned detector's by the same rule.

    Attributes:
        coco_words: class name -> the COCO classes that stand for it.
        zero_shot: scores of the COCO detector; classes that are not covered have none and are not in the mean.
        fine_tuned: of the fine-tuned one by the same rule.
        neutral: type -> class for which it counts neither way.
        not_covered: class name -> why it is not scored.
    """

    coco_words: Mapping[str, tuple[str, ...]]
    zero_shot: CocoMetrics
    fine_tuned: CocoMetrics
    neutral: Mapping[str, str]
    not_covered: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON types."""
        return {**asdict(self), "coco_words": {name: list(words) for name, words in self.coco_words.items()}}


def coco_coverage(table: ClassTable) -> CocoCoverage:
    """Return which classes of a table a COCO detector can be scored on; of two claims to a word the first holds."""
    class_of_coco: dict[int, int] = {}
    neutral: dict[str, int] = {}
    words: dict[int, str] = {}
    # COCO's own names first: of bicycle and bike, the bicycle has the word.
    for kind in sorted(table.types, key=lambda kind: plain_name(kind) not in COCO_IDS):
        class_id, word = table.id_of(kind), coco_name(kind)
        if class_id is None or word is None:
            continue
        words.setdefault(class_id, word)
        owner = class_of_coco.setdefault(COCO_IDS[word], class_id)
        if owner != class_id:
            neutral[kind] = owner
    covered = set(class_of_coco.values())
    not_covered = {
        name: f"COCO calls it {words[i]}, as it does {table.name_of(class_of_coco[COCO_IDS[words[i]]])}"
        if i in words
        else "COCO has no class that resembles it"
        for i, name in enumerate(table.names, start=1)
        if i not in covered
    }
    return CocoCoverage(class_of_coco, neutral, not_covered)


def map_coco_detections(detections: Sequence[Detections], table: ClassTable) -> list[Detections]:
    """Return a COCO detector's detections with the table's class ids; other COCO classes are left out.

    Args:
        detections: with COCO's ids, 1..90.
        table: the KITTI class table.
    """
    lookup = np.zeros(COCO_CLASSES + 1, dtype=np.int32)
    for coco_id, class_id in coco_coverage(table).class_of_coco.items():
        lookup[coco_id] = class_id
    mapped = []
    for found in detections:
        class_ids = lookup[found.class_ids]
        kept = class_ids > 0
        mapped.append(Detections(found.frame_id, found.xyxy[kept], found.scores[kept], class_ids[kept]))
    return mapped


def zero_shot_baseline(
    frames: Sequence[Frame],
    coco_detections: Sequence[Detections],
    table: ClassTable,
    *,
    fine_tuned: Sequence[Detections],
    engine: Engine,
) -> ZeroShotBaseline:
    """Return a COCO detector's scores on the classes it knows, and a fine-tuned detector's by the same rule.

    Args:
        frames: every frame that was predicted on, with full label rows.
        coco_detections: of the COCO detector, with COCO's ids.
        table: the KITTI class table to score in.
        fine_tuned: detections of the fine-tuned detector, with the table's ids.
        engine: see ``coco.coco_metrics``.

    Raises:
        EvaluationError: if no frame holds an object of a covered class, or detections cannot be scored.
    """
    coverage = coco_coverage(table)
    covered = set(coverage.class_of_coco.values())
    truth = _covered_truth(frames, table, coverage)
    ids = {image["frame_id"]: image["id"] for image in truth["images"]}

    def score(detections: Sequence[Detections]) -> CocoMetrics:
        rows = result_rows(detections, ids, table)
        return score_coco(truth, rows[np.isin(rows[:, 6], list(covered))], engine=engine)

    words: dict[str, tuple[str, ...]] = {}
    for coco_id, class_id in coverage.class_of_coco.items():
        name = table.name_of(class_id)
        words[name] = (*words.get(name, ()), _COCO_NAMES[coco_id])
    return ZeroShotBaseline(
        coco_words=words,
        zero_shot=score(map_coco_detections(coco_detections, table)),
        fine_tuned=score(fine_tuned),
        neutral={kind: table.name_of(class_id) for kind, class_id in coverage.neutral.items()},
        not_covered=coverage.not_covered,
    )


def _covered_truth(frames: Sequence[Frame], table: ClassTable, coverage: CocoCoverage) -> dict[str, Any]:
    """Return the ground truth of the covered classes; neutral types are ignored regions of the class they resemble."""
    truth = coco_ground_truth(frames, table)
    kinds = [item.about for frame in frames for item, _ in scored_rows(frame, table)]
    covered = set(coverage.class_of_coco.values())
    kept = []
    for item, kind in zip(truth["annotations"], kinds, strict=True):
        if kind in coverage.neutral:
            kept.append({**item, "category_id": coverage.neutral[kind], "iscrowd": 1})
        elif item["category_id"] in covered:
            kept.append(item)
    return {**truth, "annotations": kept}
