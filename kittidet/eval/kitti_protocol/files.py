"""Folders of KITTI label and result files, to the rows that are scored.

As lenient as the devkit where it is lenient (letter case of class names, blank lines, classes it does not know, how the
columns that it skips are written), and then counted in the notes where it matters; everything that would bend the
numbers is an error that names file and line.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kittidet.classes import DONT_CARE, KITTI_TYPES
from kittidet.errors import EvaluationError, LabelParseError
from kittidet.frame import KittiObject
from kittidet.kitti.labels import RESULT_FIELDS, is_blank, parse_fields, read_lines

_OTHER_SPLIT = (
    "Labels and detections must be of the same data set and split; a frame without objects has an empty label file."
)
_CANONICAL = {name.lower(): name for name in (*KITTI_TYPES, DONT_CARE)}


@dataclass(frozen=True, slots=True)
class ScoringInput:
    """Labels and detections of the frames that are scored, and what was odd about them.

    Attributes:
        ground_truth: frame id -> label rows.
        detections: frame id -> result rows, the same frames.
        notes: one sentence for each oddity, with its count.
    """

    ground_truth: dict[str, list[KittiObject]]
    detections: dict[str, list[KittiObject]]
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Oddities:
    renamed: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    blank: int = 0
    scored_labels: int = 0

    def notes(self) -> list[str]:
        notes = []
        if self.renamed:
            notes.append(f"{self.renamed.total()} rows spell a class in another case: {_counts(self.renamed)}.")
        if self.unknown:
            notes.append(f"{self.unknown.total()} rows of classes KITTI does not have: {_counts(self.unknown)}.")
        if self.blank:
            notes.append(f"{self.blank} blank lines were skipped.")
        if self.scored_labels:
            notes.append(f"{self.scored_labels} label rows have a 16th column, a score: it is passed over.")
        return notes


def read_scoring_input(
    labels_dir: Path, detections_dir: Path, frames_path: Path | None = None, *, missing_is_empty: bool = False
) -> ScoringInput:
    """Return labels and detections of the frames to score.

    With a list, those are its frames, and each needs both files. Without, they are the frames that have a detection
    file, as in the devkit's offline evaluator; labels without one are counted in the notes.

    Args:
        labels_dir: holds ``<frame>.txt`` label files.
        detections_dir: holds ``<frame>.txt`` result files, in it or in its ``data`` folder.
        frames_path: text file with one frame id a line.
        missing_is_empty: nothing was found in a listed frame that has no detection file.

    Raises:
        ValueError: on ``missing_is_empty`` without a list.
        EvaluationError: on a missing folder, detections for frames without labels, or listed frames that are repeated
            or lack a file.
        LabelParseError: naming file and line of a row that does not parse.
    """
    if missing_is_empty and frames_path is None:
        raise ValueError("read_scoring_input: missing_is_empty needs a list of frames")
    labels = _find_files(labels_dir, "label")
    nested = detections_dir / "data"
    found = _find_files(nested if nested.is_dir() else detections_dir, "detection", may_be_empty=missing_is_empty)
    oddities = _Oddities()
    notes = []
    beside = len(list(detections_dir.glob("*.txt"))) if nested.is_dir() else 0
    if beside:
        notes.append(f"{beside} files in {detections_dir} are not scored: it has a folder data, which is.")
    if frames_path is not None:
        frame_ids = read_frame_list(frames_path)
        _check_has_files(frame_ids, labels, f"{frames_path}: {labels_dir} lacks the label file of")
        absent = sum(name not in found for name in frame_ids)
        if absent and missing_is_empty:
            notes.append(f"{absent} of {len(frame_ids)} frames have no detection file: nothing was found in them.")
        else:
            advice = "Write an empty file for a frame in which nothing was found, or give --missing-is-empty."
            _check_has_files(frame_ids, found, f"{frames_path}: {detections_dir} lacks the detection file of", advice)
    else:
        frame_ids = sorted(found)
        _check_has_files(frame_ids, labels, f"{detections_dir}: {labels_dir} has no labels for")
        left_out = len(labels) - len(frame_ids)
        if left_out:
            notes.append(
                f"{left_out} label files have no detection file and are not scored; name frames with --frames."
            )
    ground_truth = {name: _read_rows(labels[name], with_score=False, oddities=oddities) for name in frame_ids}
    detections = {
        name: _read_rows(found[name], with_score=True, oddities=oddities) if name in found else [] for name in frame_ids
    }
    empty = sum(not detections[name] for name in frame_ids if name in found)
    if empty:
        notes.append(f"{empty} of {len(frame_ids)} detection files are empty.")
    return ScoringInput(ground_truth, detections, (*notes, *oddities.notes()))


def read_frame_list(path: Path) -> list[str]:
    """Return the frame ids of a list file, one a line, in file order.

    Raises:
        EvaluationError: if the file cannot be read, names no frame, or names one twice (with both line numbers).
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path}: cannot read the list of frames: {error}.") from error
    first: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        name = line.strip()
        if name in first:
            raise EvaluationError(
                f"{path}:{number}: frame {name} is there twice, first in line {first[name]}. Remove one of them."
            )
        if name:
            first[name] = number
    if not first:
        raise EvaluationError(f"{path}: expected one frame id a line, got no frame.")
    return list(first)


def _find_files(folder: Path, what: str, *, may_be_empty: bool = False) -> dict[str, Path]:
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: expected a folder of {what} files, got nothing there.")
    files = {path.stem: path for path in sorted(folder.glob("*.txt"))}
    if not files and not may_be_empty:
        raise EvaluationError(f"{folder}: expected {what} files named like 000123.txt, got none.")
    return files


def _check_has_files(frame_ids: Sequence[str], files: dict[str, Path], message: str, next_step: str = "") -> None:
    missing = [name for name in frame_ids if name not in files]
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise EvaluationError(
            f"{message} {len(missing)} of {len(frame_ids)} frames: {shown}. {next_step or _OTHER_SPLIT}"
        )


def _read_rows(path: Path, *, with_score: bool, oddities: _Oddities) -> list[KittiObject]:
    rows = []
    for number, line in enumerate(read_lines(path), start=1):
        if is_blank(line):
            oddities.blank += 1
            continue
        where = f"{path.parent.name}/{path.name}:{number}"
        row = parse_fields(line.rstrip(), where=where, with_score=with_score)
        oddities.scored_labels += not with_score and len(line.split()) == len(RESULT_FIELDS)
        left, top, right, bottom = row.xyxy
        if right < left or bottom < top:
            raise LabelParseError(
                f"{where}: negative size: expected left <= right and top <= bottom, got left={left:g} top={top:g} "
                f"right={right:g} bottom={bottom:g}. Columns 5 to 8 are corners, not x, y, width, height."
            )
        name = _CANONICAL.get(row.type.lower())
        if name is None:
            oddities.unknown[row.type] += 1
        elif name != row.type:
            oddities.renamed[row.type] += 1
            row = replace(row, type=name)
        rows.append(row)
    return rows


def _counts(names: Counter[str]) -> str:
    # A byte order mark before the first class of a file would not be seen otherwise.
    return ", ".join(f"{name if name.isascii() else ascii(name)} x{count}" for name, count in names.most_common(5))
