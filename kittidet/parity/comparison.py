"""Comparisons of this library with the reference's own numbers, file by file."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of the table.

    Attributes:
        subject: what was computed, such as a variant.
        outputs: which of its numbers were compared.
        max_abs: the largest absolute difference.
        max_rel: that, relative to the largest magnitude of the reference's numbers.
        passed: whether every number is within its tolerance.
    """

    subject: str
    outputs: str
    max_abs: float
    max_rel: float
    passed: bool


def compare(subject: str, outputs: str, found: Any, expected: Any, *, rtol: float, atol: float = 0.0) -> Comparison:
    """Return how far ``found`` is from ``expected``.

    A number passes within ``atol`` or ``rtol`` of the largest magnitude beside it: sums of large terms that cancel
    carry the rounding of the terms.
    """
    ours, theirs = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    if ours.shape != theirs.shape:
        return Comparison(
            subject, f"{outputs}: shape {ours.shape}, expected {theirs.shape}", np.inf, np.inf, passed=False
        )
    if not theirs.size:
        return Comparison(subject, outputs, 0.0, 0.0, passed=True)
    worst = float(np.max(np.abs(ours - theirs))) if np.isfinite(ours).all() else np.inf
    scale = float(np.max(np.abs(theirs)))
    relative = worst / scale if scale else (0.0 if worst == 0 else np.inf)
    return Comparison(subject, outputs, worst, relative, passed=worst <= max(atol, rtol * scale))


Check = Callable[[Path, Arrays], Iterable[Comparison]]


def checks() -> dict[str, Check]:
    """Return the check of each oracle file, by a glob of its path below the oracle's folder."""
    # Imported here: they load TensorFlow, and the command line should answer at once.
    from kittidet.parity import data, model, training  # noqa: PLC0415

    return {
        "anchors_*.npz": model.check_anchors,
        "forward_*/*.npz": model.check_forward,
        "efficientdet-*.npz": model.check_forward,
        "loss_cases.npz": training.check_losses,
        "train_step.npz": training.check_train_step,
        "lr_schedule.npz": training.check_schedule,
        "postprocess.npz": model.check_postprocess,
        "preprocess.npz": data.check_preprocess,
        "coco_metric.npz": data.check_coco,
    }


def compare_all(oracle_dir: Path) -> Iterator[tuple[Path, Comparison]]:
    """Yield the file and the comparison for everything in ``oracle_dir`` that there is a check for.

    Raises:
        ValueError: if the folder is missing or holds no oracle file.
    """
    seen = False
    for pattern, check in checks().items():
        for file in sorted(oracle_dir.glob(pattern)):
            seen = True
            with np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            for comparison in check(file, arrays):
                yield file, comparison
    if not seen:
        raise ValueError(f"{oracle_dir}: no oracle file there. Expected a folder with {', '.join(checks())}.")
