"""The data contract of a KITTI tree: every finding with file and line, and the frames that can be used.

Checks the tree in three passes: names and pairs, images (in parallel), and label rows (one table, checked by
pandera at once). Decodes pixels only on request, and never loads TensorFlow.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Executor

from kittidet.classes import KITTI_TYPES, Unlisted
from kittidet.config import ValidateConfig
from kittidet.errors import LabelParseError
from kittidet.kitti.labels import BYTE_ORDER_MARK, RESULT_FIELDS, is_blank, parse_fields, read_lines
from kittidet.kitti.tree import KittiTree
from kittidet.kitti.validation.findings import Finding, ValidationReport, build_report
from kittidet.kitti.validation.image_files import find_image_faults
from kittidet.kitti.validation.names import find_name_faults
from kittidet.kitti.validation.rows import Row, find_row_faults
from kittidet.kitti.validation.unlisted import find_unlisted
from kittidet.progress import in_words

log = logging.getLogger(__name__)


def validate_tree(
    tree: KittiTree,
    *,
    config: ValidateConfig,
    classes: Collection[str] = KITTI_TYPES,
    unlisted: Unlisted = "refuse",
    executor: Executor | None = None,
) -> ValidationReport:
    """Return every violation of the data contract in a tree; nothing is raised for faults in the data.

    Args:
        tree: the tree to check.
        config: tolerances, and whether every image is decoded.
        classes: class names known in a label, besides DontCare.
        unlisted: what becomes of labels of other classes.
        executor: checks the images; None: threads of this process.

    Raises:
        DatasetContractError, LabelParseError: if the system cannot read a file, which may pass and is no finding.
    """
    findings = list(find_name_faults(tree))
    sizes, image_faults = find_image_faults(tree, config=config, executor=executor)
    findings += image_faults
    rows: list[Row] = []
    for frame_id in sorted(tree.label_ids):
        findings += _read_rows(tree, frame_id, sizes, into=rows)
    findings += find_row_faults(
        rows,
        classes=classes if unlisted == "refuse" else None,
        edge_tolerance_px=config.edge_tolerance_px,
        label_dir=tree.label_dir,
    )
    counts = Counter(row.obj.about for row in rows)
    findings += find_unlisted(counts, classes=classes, unlisted=unlisted, label_dir=tree.label_dir)
    report = build_report(findings, frame_ids=tree.image_ids | tree.label_ids)
    log.info(
        "validate root=%s frames=%d rows=%d findings=%d set_aside=%d",
        *(tree.root, report.n_frames, len(rows), len(report.findings), len(report.set_aside_ids)),
        extra=in_words(
            f"checked {report.n_frames} frames with {len(rows)} labels: {len(report.findings)} findings, "
            f"{len(report.set_aside_ids)} frames set aside"
        ),
    )
    return report


def _read_rows(
    tree: KittiTree, frame_id: str, sizes: Mapping[str, tuple[int, int]], *, into: list[Row]
) -> Iterator[Finding]:
    """Yield the format faults of one label file, and add the rows that parse."""
    file = tree.label_file(frame_id)
    try:
        lines = read_lines(tree.label_path(frame_id))
    except LabelParseError as error:
        if isinstance(error.__cause__, OSError):
            # As with images: a problem of the disk is not a finding.
            raise
        yield Finding(frame_id, file, 0, "label_readable", "error", str(error))
        return
    if lines and lines[0].startswith(BYTE_ORDER_MARK):
        lines[0] = lines[0].removeprefix(BYTE_ORDER_MARK)
        yield Finding(
            *(frame_id, file, 1, "label_mark", "warning"),
            f"{file}:1: expected the file to begin with its first row, got a byte order mark before it. It is passed "
            "over here; KITTI's own tools take it for a part of the class.",
        )
    last_row = max((n for n, line in enumerate(lines, start=1) if not is_blank(line)), default=0)
    if last_row == 0:
        yield Finding(
            *(frame_id, file, 0, "label_empty", "warning"),
            f"{file}: expected rows, got an empty file. The frame is used as one without objects; "
            "re-extract the label archive if it should have some.",
        )
    if len(lines) > last_row:
        yield Finding(
            *(frame_id, file, last_row + 1, "label_blank_end", "warning"),
            f"{file}:{last_row + 1}: expected the file to end after its last row, got {len(lines) - last_row} "
            "blank line(s). They are ignored.",
        )
    crlf = [n for n, line in enumerate(lines, start=1) if line.endswith("\r")]
    if crlf:
        yield Finding(
            *(frame_id, file, crlf[0], "label_line_end", "warning"),
            f"{file}:{crlf[0]}: expected lines to end in LF, got CRLF in {len(crlf)} line(s). They are read anyway.",
        )
    for number, line in enumerate(lines[:last_row], start=1):
        try:
            obj = parse_fields(line.removesuffix("\r"), where=f"{file}:{number}")
        except LabelParseError as error:
            yield Finding(frame_id, file, number, "row_form", "error", str(error))
        else:
            has_score = len(line.split()) == len(RESULT_FIELDS)
            into.append(Row(frame_id, number, obj, sizes.get(frame_id), has_score))
