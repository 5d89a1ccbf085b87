"""A published run folder read back: configuration, history, ground truth, detections.

Reads what publishing wrote and nothing else; whoever damaged a file is told which. Judges no number.
"""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kittidet.classes import ClassTable, class_table
from kittidet.errors import ConfigError, DatasetContractError, StoreError
from kittidet.eval.coco_format import rows_from_results
from kittidet.frame import Detections, Frame, KittiObject
from kittidet.kitti.frames import load_frame
from kittidet.kitti.tree import KittiTree


@dataclass(frozen=True, slots=True)
class RunFolder:
    """What a run left behind.

    Attributes:
        path: ``runs/<name>``.
        config: ``config.json``.
        summary: ``summary.json``.
        history: column of ``history.csv`` -> one number per row, NaN where a cell is empty.
        table: the detector's classes.
        frames: the validation frames; with a data tree their full label rows, else boxes and classes alone.
        detections: the best checkpoint's, one record per frame, original pixels.
        has_images: whether ``frames`` come from a tree, so that pictures and full labels are at hand.
    """

    path: Path
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    history: Mapping[str, Sequence[float]]
    table: ClassTable
    frames: tuple[Frame, ...]
    detections: tuple[Detections, ...]
    has_images: bool


def read_run(path: Path, *, tree: KittiTree | None) -> RunFolder:
    """Return a run folder's content.

    Args:
        path: the folder that publishing made.
        tree: the data the run was scored on; None where it is not at hand.

    Raises:
        StoreError: naming a file that is missing or damaged, or a class that is not in the run's table.
        EvaluationError: from ``predictions.json``.
        DatasetContractError: if the tree lacks a frame of the run, or holds other labels than the run was scored on.
    """
    config, summary = _read_json(path / "config.json"), _read_json(path / "summary.json")
    truth, results = _read_json(path / "ground_truth.json"), _read_json(path / "predictions.json")
    try:
        table = _table(config, summary)
        frames = _frames(truth, table)
        ids = {image["id"]: str(image["frame_id"]) for image in truth["images"]}
        detections = _detections(results, ids, where=str(path / "predictions.json"))
    except (KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
        raise StoreError(
            f"{path}: the run's files do not fit together ({type(error).__name__}: {error}). Expected a folder as "
            "publishing makes it: config.json, summary.json, ground_truth.json, predictions.json. Publish it again."
        ) from error
    if tree is not None:
        frames = _with_labels(frames, tree, table)
    return RunFolder(path, config, summary, _read_history(path / "history.csv"), table, frames, detections, bool(tree))


def _table(config: Mapping[str, Any], summary: Mapping[str, Any]) -> ClassTable:
    table = class_table(config["records"]["classes"])
    table.check_same(ClassTable(tuple(summary["classes"])), here="config.json", there="summary.json")
    return table


def _frames(truth: Mapping[str, Any], table: ClassTable) -> tuple[Frame, ...]:
    boxes: dict[Any, list[KittiObject]] = {image["id"]: [] for image in truth["images"]}
    for annotation in truth["annotations"]:
        left, top, width, height = annotation["bbox"]
        box = (left, top, left + width, top + height)
        boxes[annotation["image_id"]].append(KittiObject.of_box(table.name_of(annotation["category_id"]), box))
    return tuple(
        Frame(
            str(image["frame_id"]),
            Path(image["file_name"]),
            (int(image["width"]), int(image["height"])),
            tuple(boxes[image["id"]]),
        )
        for image in truth["images"]
    )


def _with_labels(frames: Sequence[Frame], tree: KittiTree, table: ClassTable) -> tuple[Frame, ...]:
    """Return the frames as the tree has them, held equal to what the run was scored on."""
    known = set(tree.frame_ids)
    missing = [f.frame_id for f in frames if f.frame_id not in known]
    if missing:
        raise DatasetContractError(
            f"{tree.root}: {len(missing)} validation frames of the run are not there: {missing[:5]}. "
            "Name the data the run was made from."
        )
    loaded = tuple(load_frame(tree, frame.frame_id) for frame in frames)
    for ours, theirs in zip(frames, loaded, strict=True):
        (a, a_ids), (b, b_ids) = ours.labelled(table), theirs.labelled(table)
        if ours.size_wh != theirs.size_wh or a_ids.tolist() != b_ids.tolist() or not np.allclose(a, b, atol=0.01):
            raise DatasetContractError(
                f"{tree.label_path(ours.frame_id)}: other labels than the run was scored on. "
                "Name the data the run was made from."
            )
    return loaded


def _detections(results: Sequence[Mapping[str, Any]], ids: Mapping[int, str], where: str) -> tuple[Detections, ...]:
    rows = rows_from_results(results, where=where)
    strangers = sorted(set(rows[:, 0].astype(int).tolist()) - set(ids))
    if strangers:
        raise StoreError(f"{where}: image ids that ground_truth.json does not have: {strangers[:5]}. Publish again.")
    by_image = {}
    for image_id, frame_id in ids.items():
        mine = rows[rows[:, 0] == image_id]
        mine = mine[np.argsort(-mine[:, 5], kind="stable")]
        xyxy = np.concatenate([mine[:, 1:3], mine[:, 1:3] + mine[:, 3:5]], axis=1).astype(np.float32)
        by_image[image_id] = Detections(frame_id, xyxy, mine[:, 5].astype(np.float32), mine[:, 6].astype(np.int32))
    return tuple(by_image.values())


def _read_history(path: Path) -> dict[str, list[float]]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        return {
            name: [float(row[name]) if row[name] not in {"", None} else math.nan for row in rows]
            for name in (rows[0] if rows else {})
        }
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise StoreError(
            f"{path}: expected a table of numbers with a header: {error}. Publish the run again."
        ) from error


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(
            f"{path}: {error.strerror}. Expected a finished run; name its folder, for example runs/demo."
        ) from error
    except ValueError as error:
        raise StoreError(f"{path}: not valid JSON: {error}. Publish the run again.") from error
