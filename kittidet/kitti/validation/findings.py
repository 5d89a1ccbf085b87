"""What a validation found: a table with one row per finding, and which frames it sets aside.

An ``error`` sets its frame aside; a ``warning`` is for a person to read.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kittidet.errors import DatasetContractError
from kittidet.files import write_text_atomic
from kittidet.kitti.lists import read_ids, write_ids

if TYPE_CHECKING:
    import pandas as pd

FINDINGS, ACCEPTED, SET_ASIDE = "findings.csv", "accepted.txt", "set_aside.txt"
COLUMNS = ("frame_id", "file", "line", "check", "severity", "message")
Severity = Literal["error", "warning"]

# How many findings a message quotes; the file has them all.
_QUOTED = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One violation of the data contract.

    Attributes:
        frame_id: the frame, or empty if the file belongs to none.
        file: relative to the training folder.
        line: 1-based; 0 for the file as a whole.
        check: short name of the rule.
        severity: whether the frame is set aside.
        message: what, where, expected, got, next step.
    """

    frame_id: str
    file: str
    line: int
    check: str
    severity: Severity
    message: str


@dataclass(frozen=True)
class ValidationReport:
    """The outcome of a validation.

    Attributes:
        findings: table with the columns ``frame_id, file, line, check, severity, message``, sorted by file and line.
        accepted_ids: frames without an error, sorted.
        set_aside_ids: frames with an error, sorted.
    """

    findings: "pd.DataFrame"
    accepted_ids: tuple[str, ...]
    set_aside_ids: tuple[str, ...]

    @property
    def n_frames(self) -> int:
        """How many frames were looked at, those with only an image or only a label file included."""
        return len(self.accepted_ids) + len(self.set_aside_ids)

    @property
    def bad_share(self) -> float:
        """Share of frames set aside, 0..1; 1 where there are no frames."""
        return len(self.set_aside_ids) / self.n_frames if self.n_frames else 1.0


def build_report(findings: Iterable[Finding], *, frame_ids: Iterable[str]) -> ValidationReport:
    """Return the report on the given frames.

    Args:
        findings: in any order.
        frame_ids: every frame checked, including those with only an image or only a label file.
    """
    import pandas as pd  # noqa: PLC0415  a second to load

    ordered = sorted(set(findings), key=lambda f: (f.file, f.line, f.check, f.message))
    rows = [(f.frame_id, f.file, f.line, f.check, f.severity, f.message) for f in ordered]
    bad = {f.frame_id for f in ordered if f.severity == "error"}
    ids = sorted(set(frame_ids))
    return ValidationReport(
        findings=pd.DataFrame(rows, columns=list(COLUMNS)).astype({"line": int}),
        accepted_ids=tuple(i for i in ids if i not in bad),
        set_aside_ids=tuple(i for i in ids if i in bad),
    )


def write_validation(report: ValidationReport, folder: Path) -> None:
    """Write ``findings.csv`` (without findings its header), ``accepted.txt`` and ``set_aside.txt``, each whole."""
    write_text_atomic(folder / FINDINGS, report.findings.to_csv(index=False, lineterminator="\n"))
    for name, ids in ((ACCEPTED, report.accepted_ids), (SET_ASIDE, report.set_aside_ids)):
        write_ids(folder / name, ids)


def read_validation(folder: Path) -> ValidationReport:
    """Return the report that `write_validation` wrote.

    Raises:
        DatasetContractError: if a file of it is missing, or damaged beyond reading.
    """
    import pandas as pd  # noqa: PLC0415  a second to load

    kinds = {**dict.fromkeys(COLUMNS, str), "line": int}
    try:
        findings = pd.read_csv(folder / FINDINGS, dtype=kinds, usecols=COLUMNS, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DatasetContractError(
            f"{folder / FINDINGS}: not the findings of a validation ({error}). Validate the data again."
        ) from error
    return ValidationReport(findings, *(read_ids(folder / name) for name in (ACCEPTED, SET_ASIDE)))


def check_share(report: ValidationReport, max_bad_share: float, *, where: str = "the data set") -> ValidationReport:
    """Return the report if there are frames, few enough are set aside, and some are left.

    Args:
        report: what was found.
        max_bad_share: 0..1.
        where: the start of the message: the data set, or the file that lists every finding.

    Raises:
        DatasetContractError: quoting the first findings.
    """
    if report.n_frames == 0:
        raise DatasetContractError(
            f"{where}: 0 frames: expected images with label files of the same names. "
            "Check `source.path`, or fetch the data again."
        )
    errors = report.findings[report.findings["severity"] == "error"]
    # What holds for the whole folder explains the others.
    errors = errors.sort_values("frame_id", key=lambda ids: ids != "", kind="stable")
    quoted = "".join(f"\n  {message}" for message in errors["message"].head(_QUOTED))
    bad = f"{len(report.set_aside_ids)} of {report.n_frames} frames ({report.bad_share:.1%}) break the data contract"
    if not report.accepted_ids:
        raise DatasetContractError(
            f"{where}: {bad}: expected some to be left to train on, got none. First findings:{quoted}\nFix the files."
        )
    if report.bad_share > max_bad_share:
        raise DatasetContractError(
            f"{where}: {bad}, expected at most {max_bad_share:.1%}. First findings:{quoted}\n"
            "Fix the files, or raise `validation.max_bad_share` to continue without these frames."
        )
    return report
