"""What a finished training left in its folder, and the file that says that it is finished."""

from dataclasses import dataclass
from pathlib import Path

from kittidet.detect.checkpoint import Checkpoint, list_checkpoints
from kittidet.errors import TrainingError
from kittidet.files import read_json, write_json
from kittidet.training.extension import RESULT, RESUME
from kittidet.training.resume import keep_newest


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a finished training run left in its folder.

    Attributes:
        checkpoints: the kept ones, oldest first; before them the average of the best, where several were scored.
        history_path: ``history.csv``, one row per epoch.
        resumed_from_step: where the last start of this run resumed; None if it was the first.
        anchor_coverage: share of objects with an anchor of IoU >= 0.5 at this input size.
        rate_halvings: how often the learning rate was halved after a loss that was not finite.
    """

    checkpoints: tuple[Checkpoint, ...]
    history_path: Path
    resumed_from_step: int | None
    anchor_coverage: float
    rate_halvings: int


def write_result(
    work_dir: Path, identity: str, *, resumed_from_step: int | None, anchor_coverage: float, rate_halvings: int = 0
) -> None:
    """Say that the run in a folder is finished."""
    facts = {"resumed_from_step": resumed_from_step, "anchor_coverage": anchor_coverage, "rate_halvings": rate_halvings}
    write_json(work_dir / RESULT, {"identity": identity, **facts})


def read_result(work_dir: Path, identity: str, *, earlier: str | None = None) -> TrainResult | None:
    """Return the result of the run in a folder; None if it is not finished, or is the shorter one that is extended.

    Args:
        work_dir: the run's folder.
        identity: of the run.
        earlier: identity of the shorter run that it goes on from.

    Raises:
        TrainingError: if another run finished there.
    """
    file = work_dir / RESULT
    if not file.is_file():
        return None
    facts = read_json(file, error=TrainingError, advice="Give this run another work folder, or delete that one.")
    if facts["identity"] == earlier:
        return None
    if facts["identity"] != identity:
        raise TrainingError(
            f"{file}: this folder holds a finished run with different records, model or recipe. "
            "Use another work folder for this run, or delete that one."
        )
    # Only now that the result is written is one state enough: to go on from, should the run be extended.
    keep_newest(work_dir / RESUME, count=1)
    return TrainResult(
        tuple(list_checkpoints(work_dir / "checkpoints")),
        work_dir / "history.csv",
        facts["resumed_from_step"],
        facts["anchor_coverage"],
        facts["rate_halvings"],
    )
