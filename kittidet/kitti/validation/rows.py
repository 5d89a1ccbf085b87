"""The contract for rows of label files: what each column may hold, as pandera schemas over one table.

The table has one row per object that parses; rows of objects and of DontCare regions have different rules. Rules on
boxes are errors. Rules on 3-D values, which a 2-D detector never reads, are warnings. Habits of other writers, which
all of their rows have, are one warning for the whole folder.

Source:
    KITTI object devkit, readme.txt, "Data Format Description".
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pandera.pandas as pa

from kittidet.classes import DONT_CARE
from kittidet.frame import UNKNOWN, UNKNOWN_ANGLE, KittiObject
from kittidet.kitti.labels import LABEL_FIELDS
from kittidet.kitti.validation.findings import Finding, Severity

# Angles are written with two decimals, so pi may appear as 3.15.
_ANGLE_LIMIT = math.pi + 0.01


@dataclass(frozen=True, slots=True)
class Row:
    """An object and where it was read.

    Attributes:
        frame_id: the frame.
        line: 1-based line of its label file.
        obj: the parsed line.
        size_wh: the image's size, pixels; None where the image cannot be read.
        has_score: whether the line has a 16th column.
    """

    frame_id: str
    line: int
    obj: KittiObject
    size_wh: tuple[int, int] | None
    has_score: bool = False


@dataclass(frozen=True, slots=True)
class _Rule:
    """One check of one column, with the wording of its findings."""

    column: str
    name: str
    holds: Callable[[pd.Series], pd.Series]
    expected: str
    severity: Severity = "error"
    dont_care: bool | None = None  # None: for objects and DontCare regions alike
    habit: str = ""  # what becomes of the value; such a rule has one finding for all rows that break it


def find_row_faults(
    rows: Sequence[Row], *, classes: Collection[str] | None, edge_tolerance_px: float, label_dir: str
) -> Iterator[Finding]:
    """Yield every fault of every row.

    Args:
        rows: objects that parse, of all frames.
        classes: class names allowed in a label, besides DontCare; None: any.
        edge_tolerance_px: how far a box may leave its image, pixels.
        label_dir: the label folder's name, for `file:line`.
    """
    table = _build_table(rows)
    rules = _rules(set(table["type"]) if classes is None else classes, edge_tolerance_px)
    habits: dict[str, list[Row]] = {}
    for dont_care in (False, True):
        part = table[table["is_dont_care"] == dont_care]
        chosen = {rule.name: rule for rule in rules if rule.dont_care in {None, dont_care}}
        for index, name in _failures(part, chosen):
            row, rule = rows[index], chosen[name]
            if rule.habit:
                habits.setdefault(name, []).append(row)
                continue
            file = f"{label_dir}/{row.frame_id}.txt"
            message = (
                f"{file}:{row.line}: {rule.column}: expected {rule.expected}, got {_got(row, rule)}. {_advice(rule)}"
            )
            yield Finding(row.frame_id, file, row.line, rule.name, rule.severity, message)
    for rule in rules:
        if rule.name in habits:
            yield _habit(rule, habits[rule.name], label_dir)
    yield from _repeated(table, rows, label_dir)


def _habit(rule: _Rule, rows: Sequence[Row], label_dir: str) -> Finding:
    first = min(rows, key=lambda r: (r.frame_id, r.line))
    message = (
        f"{label_dir}: {len(rows):,} rows of {len({r.frame_id for r in rows}):,} files, the first "
        f"{first.frame_id}.txt:{first.line}: {rule.column}: expected {rule.expected}, got {_got(first, rule)}. "
        f"{rule.habit}"
    )
    return Finding("", label_dir, 0, rule.name, rule.severity, message)


def _build_table(rows: Sequence[Row]) -> pd.DataFrame:
    numbers = np.array(
        [
            (r.obj.truncated, r.obj.alpha, *r.obj.xyxy, *r.obj.dimensions_hwl, *r.obj.location_xyz, r.obj.rotation_y)
            for r in rows
        ],
        dtype=np.float64,
    ).reshape(len(rows), 13)
    sizes = np.array([r.size_wh if r.size_wh is not None else (math.nan, math.nan) for r in rows]).reshape(-1, 2)
    left, top, right, bottom = numbers[:, 2:6].T
    outside = np.stack([-left, -top, right - sizes[:, 0], bottom - sizes[:, 1]])
    visible = np.minimum(numbers[:, 4:6], sizes) - np.maximum(numbers[:, 2:4], 0)
    # An inverted box has a finding of its own.
    visible[(right <= left) | (bottom <= top)] = math.inf
    return pd.DataFrame(
        {
            "frame_id": pd.Series([r.frame_id for r in rows], dtype=object),
            "is_dont_care": np.array([r.obj.is_dont_care for r in rows], dtype=bool),
            "type": pd.Series([r.obj.about for r in rows], dtype=object),
            "truncated": numbers[:, 0],
            "occluded": np.array([r.obj.occluded for r in rows], dtype=np.int64),
            "alpha": numbers[:, 1],
            "left": left,
            "top": top,
            "right": right,
            "bottom": bottom,
            "box width": right - left,
            "box height": bottom - top,
            "box": outside.max(axis=0, initial=-math.inf),  # pixels beyond the image's nearest edge; NaN: size unknown
            "box in image": visible.min(axis=1, initial=math.inf),  # its smaller side after clipping, pixels
            "dimensions": numbers[:, 6:9].min(axis=1, initial=math.inf),
            "location": np.abs(numbers[:, 9:12]).max(axis=1, initial=0.0),
            "rotation_y": numbers[:, 12],
            "columns": np.array([len(LABEL_FIELDS) + r.has_score for r in rows], dtype=np.int64),
        }
    )


def _rules(classes: Collection[str], edge_tolerance_px: float) -> tuple[_Rule, ...]:
    names = [*classes, DONT_CARE]
    unknown = f"{UNKNOWN} for {DONT_CARE}"
    angle = f"-pi..pi, or {UNKNOWN_ANGLE} where unknown"
    return (
        _Rule("type", "class_known", lambda s: s.isin(names), f"one of {', '.join(names)}"),
        _Rule("truncated", "truncated_range", _is_truncation, "0..1", dont_care=False),
        _Rule("occluded", "occluded_range", lambda s: s.between(-1, 4), "0, 1, 2 or 3", dont_care=False),
        _Rule(
            "truncated",
            "truncated_unknown",
            lambda s: s != UNKNOWN,
            "0..1",
            "warning",
            dont_care=False,
            habit="-1 is unknown: the frame is used, and every KITTI level takes the object for not truncated.",
        ),
        _Rule(
            "truncated",
            "truncated_level",
            lambda s: (s <= 1) | ~_is_truncation(s),
            "0..1",
            "warning",
            dont_care=False,
            habit="KITTI's tracking labels have the levels 0, 1, 2 here: the frame is used, and objects above 0.5 "
            "count at no KITTI level.",
        ),
        _Rule(
            "occluded",
            "occluded_unknown",
            lambda s: ~s.isin([-1, 4]),
            "0, 1, 2 or 3",
            "warning",
            dont_care=False,
            habit="It is unknown: the frame is used. KITTI AP, as the devkit, counts -1 as visible, 4 at no level.",
        ),
        _Rule(
            "columns",
            "label_score",
            lambda s: s == len(LABEL_FIELDS),
            f"{len(LABEL_FIELDS)}",
            "warning",
            habit="The score is passed over; make sure that these are labels and not detections.",
        ),
        _Rule("truncated", "truncated_dont_care", lambda s: s == UNKNOWN, unknown, "warning", dont_care=True),
        _Rule("occluded", "occluded_dont_care", lambda s: s == UNKNOWN, unknown, "warning", dont_care=True),
        _Rule("box width", "box_left_right", lambda s: s > 0, "left < right"),
        _Rule("box height", "box_top_bottom", lambda s: s > 0, "top < bottom"),
        _Rule(
            "box",
            "box_inside_image",
            lambda s: s <= edge_tolerance_px,
            f"inside the image within {edge_tolerance_px:g} px",
        ),
        # What is clipped to nothing cannot be written into a record.
        _Rule("box in image", "box_visible", lambda s: s > 0, "a part of the box inside the image"),
        _Rule("alpha", "alpha_range", _is_angle, angle, "warning", dont_care=False),
        _Rule("rotation_y", "rotation_y_range", _is_angle, angle, "warning", dont_care=False),
        _Rule(
            "dimensions", "dimensions_range", lambda s: (s > 0) | (s == UNKNOWN), "> 0 m", "warning", dont_care=False
        ),
        _Rule("location", "location_range", lambda s: s <= 1000, "metres within 1000", "warning", dont_care=False),
    )


def _is_angle(angles: pd.Series) -> pd.Series:
    return (angles.abs() <= _ANGLE_LIMIT) | (angles == UNKNOWN_ANGLE)


def _is_truncation(values: pd.Series) -> pd.Series:
    """Return which values are a share, unknown, or a whole number such as the levels of KITTI's tracking labels."""
    return values.between(0, 1) | (values == UNKNOWN) | (values.between(1, 100) & (values % 1 == 0))


def _failures(table: pd.DataFrame, rules: Mapping[str, _Rule]) -> Iterator[tuple[int, str]]:
    columns: dict[str, list[pa.Check]] = {}
    for rule in rules.values():
        columns.setdefault(rule.column, []).append(pa.Check(rule.holds, name=rule.name, error=rule.name))
    schema = pa.DataFrameSchema(
        # An image of unknown size has its own finding; its boxes cannot be checked.
        {
            column: pa.Column(checks=checks, nullable=column in {"box", "box in image"})
            for column, checks in columns.items()
        }
    )
    try:
        schema.validate(table, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        yield from zip(cases["index"].astype(int), cases["check"].astype(str), strict=True)


def _repeated(table: pd.DataFrame, rows: Sequence[Row], label_dir: str) -> Iterator[Finding]:
    columns = ["frame_id", "type", "left", "top", "right", "bottom"]
    objects = table[~table["is_dont_care"]]
    for index in objects.index[objects.duplicated(columns)]:
        row = rows[index]
        file = f"{label_dir}/{row.frame_id}.txt"
        yield Finding(
            *(row.frame_id, file, row.line, "row_repeated", "warning"),
            f"{file}:{row.line}: expected each object once, got a {row.obj.type} with the box of an earlier row. "
            "Remove one of them.",
        )


def _got(row: Row, rule: _Rule) -> str:
    left, top, right, bottom = row.obj.xyxy
    if rule.column.startswith("box"):
        image = "" if row.size_wh is None else f" in an image of {row.size_wh[0]}x{row.size_wh[1]}"
        return f"left={left:g} top={top:g} right={right:g} bottom={bottom:g}{image}"
    values = {"type": row.obj.about, "dimensions": row.obj.dimensions_hwl, "location": row.obj.location_xyz}
    if rule.column == "columns":
        return f"{len(LABEL_FIELDS) + 1}, the last one a score"
    return repr(values[rule.column] if rule.column in values else getattr(row.obj, rule.column))


def _advice(rule: _Rule) -> str:
    if rule.severity == "warning":
        return "The 2-D detector does not read it; the frame is used."
    if rule.name == "class_known":
        return "Correct the line, name the class in `records.classes`, or set `records.unlisted`."
    return "Correct the line or re-extract data_object_label_2.zip."
