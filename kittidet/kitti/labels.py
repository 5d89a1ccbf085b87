"""Parses a line of a KITTI label or result file into a record, and formats it back: exact in both directions.

``DontCare:Car`` is this project's: a region in which cars alone are not labelled (COCO's ``iscrowd``).

Knows the text format only. Ranges that depend on the image or on other rows are left to `validation`. Reads what other
writers make of the format as well: labels with a score (it is passed over), whole numbers written as ``0.00``.

Source:
    KITTI object devkit, readme.txt, "Data Format Description".
"""

import math
import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

from kittidet.classes import DONT_CARE, KITTI_TYPES
from kittidet.errors import LabelParseError
from kittidet.frame import UNKNOWN, UNKNOWN_ANGLE, UNKNOWN_PLACE, KittiObject

LABEL_FIELDS = (
    "type",
    "truncated",
    "occluded",
    "alpha",
    "left",
    "top",
    "right",
    "bottom",
    "height",
    "width",
    "length",
    "x",
    "y",
    "z",
    "rotation_y",
)
RESULT_FIELDS = (*LABEL_FIELDS, "score")

# KITTI's longest is under 4 KiB; the limit keeps a file that is something else out of memory.
_MAX_FILE_BYTES = 16 << 20
# Python's float() also accepts 'nan', 'inf', '1_0' and digits of other scripts; a label file has none of them.
_FLOAT = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_GAP = r"[ \t]+"
_FLOAT_ONLY = re.compile(_FLOAT)
_ROW = r"[ \t]*(\S+)" + f"{_GAP}({_FLOAT})" * (len(LABEL_FIELDS) - 1)
_MAX_OCCLUDED = 10**9
_REGION_OF = f"{DONT_CARE}:"
_LFS_POINTER = "version https://git-lfs"
# Some editors begin a text file with it.
BYTE_ORDER_MARK = "\ufeff"


@cache
def _line_form(with_score: bool) -> re.Pattern[str]:  # noqa: FBT001
    # Compiled for the first line: a tenth of a second, which programs that read none are spared.
    return re.compile(_ROW + (f"{_GAP}({_FLOAT})" if with_score else f"(?:{_GAP}{_FLOAT})?") + r"[ \t]*")


def parse_label_line(
    line: str, *, where: str, with_score: bool = False, types: Collection[str] | None = KITTI_TYPES
) -> KittiObject:
    """Return the record of one line, with its format, class name and box checked.

    Args:
        line: the text, without its line ending.
        where: ``file:line``, for the message.
        with_score: the line is from a result file: its 16th column is read. In a label that column is passed over.
        types: the class names allowed here, besides DontCare; None: any.

    Raises:
        LabelParseError: on a wrong number of columns, a value that is not a finite number, an unknown class, or a box
            whose right or bottom edge is not beyond its left or top one (a result's box may be empty, not inverted).
    """
    parsed = parse_fields(line, where=where, with_score=with_score)
    if types is not None and parsed.about not in types and parsed.about != DONT_CARE:
        raise LabelParseError(
            f"{where}: unknown class {parsed.about!r}: expected one of {', '.join(types)} or {DONT_CARE}. "
            "Class names are case-sensitive; correct the line or leave the frame out."
        )
    left, top, right, bottom = parsed.xyxy
    if right < left or bottom < top or (not with_score and (right == left or bottom == top)):
        raise LabelParseError(
            f"{where}: inverted or empty box: expected left < right and top < bottom, "
            f"got left={left:g} top={top:g} right={right:g} bottom={bottom:g}. Correct the line or leave the frame out."
        )
    return parsed


def parse_fields(line: str, *, where: str, with_score: bool = False) -> KittiObject:
    """Return the record of one line in the right format, whatever its values mean.

    The occlusion of a label is a whole number, however it is written. A result's has no meaning (the devkit skips it):
    one that is not whole reads as unknown.

    Raises:
        LabelParseError: on a wrong number of columns or a value that is not a finite number.
    """
    match = _line_form(with_score).fullmatch(line)
    if match is None:
        raise _form_error(line, where=where, with_score=with_score)
    name, truncated, occluded, *rest = match.groups()
    values = [float(truncated), *map(float, rest)]
    state = float(occluded)
    is_state = state.is_integer() and abs(state) < _MAX_OCCLUDED
    # 1e999 looks like a number and reads as infinity.
    if not all(map(math.isfinite, (*values, state))) or not (is_state or with_score):
        raise _form_error(line, where=where, with_score=with_score)
    share, alpha, left, top, right, bottom, height, width, length, x, y, z, rotation_y, *score = values
    region_of = name.removeprefix(_REGION_OF) if name.startswith(_REGION_OF) else None
    return KittiObject(
        type=DONT_CARE if region_of else name,
        truncated=share,
        occluded=int(state) if is_state else UNKNOWN,
        alpha=alpha,
        xyxy=(left, top, right, bottom),
        dimensions_hwl=(height, width, length),
        location_xyz=(x, y, z),
        rotation_y=rotation_y,
        score=score[0] if score else None,
        region_of=region_of or None,
    )


def parse_label_file(
    path: Path, *, with_score: bool = False, types: Collection[str] | None = KITTI_TYPES
) -> list[KittiObject]:
    r"""Return every row of a label (or result) file in file order, DontCare included.

    The file may begin with a byte order mark, lines may end in ``\n`` or ``\r\n``, and blank lines may follow the last
    row; a blank line between rows is an error.
    An empty file is a frame without objects.

    Raises:
        LabelParseError: naming file and line, if the file cannot be read or a line is wrong.
    """
    lines = read_lines(path)
    if lines:
        lines[0] = lines[0].removeprefix(BYTE_ORDER_MARK)
    while lines and is_blank(lines[-1]):
        lines.pop()
    where = f"{path.parent.name}/{path.name}"
    return [
        parse_label_line(line.removesuffix("\r"), where=f"{where}:{number}", with_score=with_score, types=types)
        for number, line in enumerate(lines, start=1)
    ]


def read_lines(path: Path) -> list[str]:
    r"""Return the lines of a label file, split at ``\n`` alone; none for an empty file.

    A ``\r`` before it stays, and so does a byte order mark, which the devkit reads as part of the first class.

    Raises:
        LabelParseError: if the file cannot be read, is not text, or is far too long.
    """
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise LabelParseError(
                f"{path}: expected a label file of at most {_MAX_FILE_BYTES >> 20} MiB, "
                f"got {path.stat().st_size:,} bytes. Unpack it again."
            )
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise LabelParseError(f"{path}: cannot read the label file: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise LabelParseError(
            f"{path}: expected text, got byte 0x{error.object[error.start]:02x} at offset {error.start}. "
            "The file is damaged or not a label file; unpack it again."
        ) from error
    lines = text.split("\n")
    if text.startswith(_LFS_POINTER):
        raise LabelParseError(
            f"{path}: expected a label file, got a git-LFS pointer: its content was never downloaded. "
            "Run `git lfs pull` where the data comes from."
        )
    # The file ends with its last line; the empty string that split() adds after it is not a line.
    if lines[-1] == "":
        lines.pop()
    return lines


def is_blank(line: str) -> bool:
    """Return whether a line is empty or only white space."""
    return not line.strip()


def format_label_line(obj: KittiObject, *, box_decimals: int = 2) -> str:
    """Return the line as KITTI writes it for a record: two decimals, plain integers where a value is unknown.

    A score, if present, is written with enough digits to read back the same number.

    Args:
        obj: the record.
        box_decimals: of a side of the box that needs more than KITTI's two.
    """
    fields = [
        obj.type if obj.region_of is None else _REGION_OF + obj.region_of,
        _number(obj.truncated, unknown=UNKNOWN),
        str(obj.occluded),
        _number(obj.alpha, unknown=UNKNOWN_ANGLE),
        *(_coordinate(value, box_decimals) for value in obj.xyxy),
        *(_number(value, unknown=UNKNOWN) for value in obj.dimensions_hwl),
        *(_number(value, unknown=UNKNOWN_PLACE) for value in obj.location_xyz),
        _number(obj.rotation_y, unknown=UNKNOWN_ANGLE),
    ]
    if obj.score is not None:
        fields.append(repr(float(obj.score)))
    return " ".join(fields)


def _coordinate(value: float, decimals: int) -> str:
    short, exact = f"{value:.2f}", f"{value:.{decimals}f}"
    return short if float(short) == float(exact) else exact.rstrip("0")


def _number(value: float, *, unknown: int) -> str:
    return str(unknown) if value == unknown else f"{value:.2f}"


def _form_error(line: str, *, where: str, with_score: bool) -> LabelParseError:
    advice = "Write the result file again." if with_score else "Re-extract data_object_label_2.zip."
    names = RESULT_FIELDS if with_score else LABEL_FIELDS
    shown = line if len(line) <= 60 else line[:57] + "..."
    fields = line.split()
    if not fields:
        return LabelParseError(
            f"{where}: blank line: expected {len(names)} fields. Remove it; unpack the file again if rows are missing."
        )
    words = next((n for n, text in enumerate(fields) if n and _FLOAT_ONLY.fullmatch(text)), 1)
    if words > 1 and len(fields) - words in {len(LABEL_FIELDS) - 1, len(RESULT_FIELDS) - 1}:
        name = " ".join(fields[:words])
        return LabelParseError(
            f"{where}: class name {name!r}: expected one word, got {words}. "
            f"Write it as {'_'.join(fields[:words])} in every row."
        )
    if len(fields) != len(names) and (with_score or len(fields) != len(RESULT_FIELDS)):
        hint = " The score is missing." if with_score and len(fields) == len(LABEL_FIELDS) else ""
        return LabelParseError(
            f"{where}: expected {len(names)} fields{', score last' if with_score else ''}, got {len(fields)}: "
            f"{shown!r}.{hint} {advice}"
        )
    for name, text in list(zip(RESULT_FIELDS, fields, strict=False))[1:]:
        whole = name == "occluded" and not with_score
        is_number = _FLOAT_ONLY.fullmatch(text) and math.isfinite(float(text))
        if not is_number or (whole and not (float(text).is_integer() and abs(float(text)) < _MAX_OCCLUDED)):
            kind = "an integer" if whole else "a finite number"
            return LabelParseError(f"{where}: {name}: expected {kind}, got {text[:40]!r}. Correct the line. {advice}")
    return LabelParseError(f"{where}: fields must be separated by spaces, got {shown!r}. {advice}")
