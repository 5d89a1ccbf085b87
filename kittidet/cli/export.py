"""``kittidet export``: a trained detector as SavedModel, TFLite or ONNX, compared with its source."""

from pathlib import Path
from typing import Annotated, get_args

import typer

from kittidet.cli.log_output import without_native_output
from kittidet.config_export import REFUSED_FORMATS, ExportConfig, ExportFormat

_DEFAULTS = ExportConfig()


def read_format(name: str) -> str:
    """Return a format's name.

    Raises:
        typer.BadParameter: if it is none; of one that would mislead, with the reason.
    """
    if name in REFUSED_FORMATS:
        raise typer.BadParameter(f"{name} {REFUSED_FORMATS[name]}.")
    known = get_args(ExportFormat)
    if name not in known:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(map(repr, known))}.")
    return name


Source = Annotated[Path, typer.Argument(help="Run folder (its best checkpoint) or checkpoint folder.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Folder to make; default: RUN/export.")]
Formats = Annotated[
    list[str] | None,
    typer.Option(
        "--to",
        parser=read_format,
        metavar=f"[{'|'.join(get_args(ExportFormat))}]",
        help="Format, default saved_model; repeat for several. tflite_int8 is the fastest on most processors, "
        "tflite_dynamic is smaller, not faster.",
    ),
]
CalibrationFrames = Annotated[int, typer.Option("--calibration-frames", help="Training frames 8 bits are fitted to.")]
CheckFrames = Annotated[int, typer.Option("--check-frames", help="At most so many validation frames for the AP kept.")]
MaxApLoss = Annotated[float, typer.Option("--max-ap-loss", help="AP, of 0..1, that a quantised file may lose.")]
TrainRecords = Annotated[Path | None, typer.Option("--train-records", help="To calibrate on; default: the run's.")]
ValRecords = Annotated[Path | None, typer.Option("--val-records", help="To compare AP on; default: the run's.")]
Images = Annotated[
    list[Path] | None, typer.Option("--image", help="Compare on this image; default: synthetic ones; repeat.")
]
# The name of --image before 0.2.
Pictures = Annotated[list[Path] | None, typer.Option("--picture", hidden=True)]
ScoreThreshold = Annotated[float | None, typer.Option("--score", min=0, max=0.999, help="SavedModel: least score.")]


@without_native_output
def export(
    source: Source,
    out: Out = None,
    to: Formats = None,
    image: Images = None,
    score: ScoreThreshold = None,
    calibration_frames: CalibrationFrames = _DEFAULTS.calibration_frames,
    check_frames: CheckFrames = _DEFAULTS.check_frames,
    max_ap_loss: MaxApLoss = _DEFAULTS.max_ap_loss,
    train_records: TrainRecords = None,
    val_records: ValRecords = None,
    picture: Pictures = None,
) -> None:
    """Write the detector for use elsewhere; succeeds only if the export finds what the source finds."""
    from pydantic import ValidationError

    from kittidet.config import EvalConfig
    from kittidet.errors import ConfigError
    from kittidet.export.write import ExportRecords, export_detector  # TensorFlow

    try:
        config = ExportConfig(
            formats=tuple(dict.fromkeys(to or _DEFAULTS.formats)),
            calibration_frames=calibration_frames,
            check_frames=check_frames,
            max_ap_loss=max_ap_loss,
        )
    except ValidationError as error:
        first = error.errors()[0]
        option = "--" + str(first["loc"][0]).replace("_", "-")
        raise ConfigError(f"{option}: {first['msg']}.") from None
    evaluation = EvalConfig() if score is None else EvalConfig(score_threshold=score)
    images = [*(image or []), *(picture or [])]
    records = ExportRecords(train_records, val_records)
    made = export_detector(
        source, out or source / "export", config=config, evaluation=evaluation, images=images, records=records
    )
    for file in made.files:
        agreement, kept = file.agreement, file.kept
        size = f"{made.path / file.name}: {file.megabytes:.1f} MB"
        if kept is not None:
            typer.echo(
                f"{size}, AP {kept.exported:.4f} of {kept.source:.4f} on {kept.frames} held-out frames "
                f"(scores within {kept.max_score_difference:.4f})"
            )
        elif agreement is not None:
            typer.echo(
                f"{size}, {agreement.compared} boxes as the source's "
                f"(scores within {agreement.max_score_difference:.4f}, overlap {agreement.min_iou:.3f} or more)"
            )
    typer.echo(f"model card: {made.path / 'README.md'}")
