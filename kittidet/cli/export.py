"""``kittidet export``: a trained detector as SavedModel, TFLite or ONNX, compared with its source."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from kittidet.cli.log_output import without_native_output

Source = Annotated[Path, typer.Argument(help="Run folder (its best checkpoint) or checkpoint folder.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Folder to make; default: RUN/export.")]
# Typer shows and checks the members of an enumeration, also in a list of them.
Format = StrEnum("Format", ["saved_model", "tflite_float16", "tflite_dynamic", "onnx"])
Formats = Annotated[list[Format] | None, typer.Option("--to", help="Format, default saved_model; repeat for several.")]
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
    picture: Pictures = None,
) -> None:
    """Write the detector for use elsewhere; succeeds only if the export finds what the source finds."""
    from kittidet.config import EvalConfig, ExportConfig
    from kittidet.export.write import export_detector  # TensorFlow

    config = ExportConfig.model_validate({"formats": list(dict.fromkeys(to))} if to else {})
    evaluation = EvalConfig() if score is None else EvalConfig(score_threshold=score)
    images = [*(image or []), *(picture or [])]
    made = export_detector(source, out or source / "export", config=config, evaluation=evaluation, images=images)
    for file in made.files:
        agreement = file.agreement
        typer.echo(
            f"{made.path / file.name}: {file.megabytes:.1f} MB, {agreement.compared} boxes as the source's "
            f"(scores within {agreement.max_score_difference:.4f}, overlap {agreement.min_iou:.3f} or more)"
        )
    typer.echo(f"model card: {made.path / 'README.md'}")
