"""What a validation found: a table with one row per finding, and which frames it sets aside.

An ``error`` sets its frame aside; a ``warning`` is for a person to read.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from kittidet.errors import DatasetContractError
from kittidet.files import write_text_atomic

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
        n_frames: frames checked, including those with only an image or only a label file.
        accepted_ids: frames without an error, sorted.
        set_aside_ids: frames with an error, sorted.
    """

    findings: pd.DataFrame
    n_frames: int
    accepted_ids: tuple[str, ...]
    set_aside_ids: tuple[str, ...]

    @property
    def bad_share(self) -> float:
        """Share of frames set aside, 0..1; 1 where there are no frames."""
        return len(self.set_aside_ids) / self.n_frames if self.n_frames else 1.0

    @property
    def errors(self) -> pd.DataFrame:
        """The findings that set frames aside."""
        return self.findings[self.findings["severity"] == "error"]


def build_report(findings: Iterable[Finding], *, frame_ids: Iterable[str]) -> ValidationReport:
    """Return the report on the given frames.

    Args:
        findings: in any order.
        frame_ids: every frame checked, including those with only an image or only a label file.
    """
    ordered = sorted(set(findings), key=lambda f: (f.file, f.line, f.check, f.message))
    rows = [(f.frame_id, f.file, f.line, f.check, f.severity, f.message) for f in ordered]
    bad = {f.frame_id for f in ordered if f.severity == "error"}
    ids = sorted(set(frame_ids))
    return ValidationReport(
        findings=pd.DataFrame(rows, columns=list(COLUMNS)).astype({"line": int}),
        n_frames=len(ids),
        accepted_ids=tuple(i for i in ids if i not in bad),
        set_aside_ids=tuple(i for i in ids if i in bad),
    )


def write_findings(report: ValidationReport, path: Path) -> None:
    """Write the findings as CSV, complete or not at all; without findings, only the header."""
    buffer = io.StringIO()
    report.findings.to_csv(buffer, index=False, lineterminator="\n")
    write_text_atomic(path, buffer.getvalue())


def read_findings(path: Path) -> pd.DataFrame:
    """Return the table that `write_findings` wrote."""
    return pd.read_csv(path, dtype={**dict.fromkeys(COLUMNS, str), "line": int}, keep_default_na=False)


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
            f"{where}: 0 frames: expected image_2/NNNNNN.png with label_2/NNNNNN.txt. "
            "Check `source.path`, or fetch the data again."
        )
    quoted = "".join(f"\n  {message}" for message in report.errors["message"].head(_QUOTED))
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
