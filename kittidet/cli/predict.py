"""``kittidet predict``: a trained detector over images, folders, patterns and videos."""

from pathlib import Path
from typing import Annotated

import typer

Source = Annotated[str, typer.Argument(metavar="IMAGE|DIR|GLOB|VIDEO", help="What to predict on; quote a pattern.")]
Model = Annotated[Path, typer.Option("--model", "-m", help="Run folder (its best checkpoint) or checkpoint folder.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Folder to make; default: predictions, predictions-2...")]
SaveImages = Annotated[bool, typer.Option("--save-images", help="Draw the detections into images/.")]
SaveKitti = Annotated[bool, typer.Option("--save-kitti", help="Write KITTI result files into kitti/.")]
SaveJson = Annotated[bool, typer.Option("--save-json", help="Write predictions.json, COCO with scores.")]
MinScore = Annotated[float | None, typer.Option("--min-score", min=0, max=1, help="Draw from this score on.")]
BatchSize = Annotated[int | None, typer.Option("--batch", min=1, help="Pictures at a time.")]
Strict = Annotated[bool, typer.Option("--fail-on-corrupt", help="Exit 1 if a picture could not be read.")]


def predict(
    source: Source,
    model: Model,
    out: Out = None,
    save_images: SaveImages = False,
    save_kitti: SaveKitti = False,
    save_json: SaveJson = False,
    min_score: MinScore = None,
    batch: BatchSize = None,
    fail_on_corrupt: Strict = False,
) -> None:
    """Find objects in pictures; go on past corrupt ones and list them."""
    from collections import Counter
    from contextlib import ExitStack

    from rich.console import Console
    from rich.progress import Progress

    from kittidet.config import EvalConfig, PredictConfig
    from kittidet.detect.checkpoint import (
        detector_path,
        load_detector,
    )
    from kittidet.detect.images import ImageError, find_images
    from kittidet.detect.prediction_files import PredictionWriter, check_new_folder, next_free_folder
    from kittidet.detect.predictor import predict_images

    # What can be refused is refused before the model is loaded.
    pictures = find_images(source)
    out_dir = next_free_folder(Path("predictions")) if out is None else check_new_folder(out)
    settings = PredictConfig() if min_score is None else PredictConfig(min_score=min_score)
    scoring = EvalConfig() if batch is None else EvalConfig(batch_size=batch)
    detector = load_detector(detector_path(model))
    failures: list[ImageError] = []
    done = 0
    shown: Counter[str] = Counter()
    with ExitStack() as stack:
        writer = None
        if save_images or save_kitti or save_json:
            writer = stack.enter_context(
                PredictionWriter(
                    out_dir,
                    detector.table,
                    images=save_images,
                    kitti=save_kitti,
                    coco=save_json,
                    min_score=settings.min_score,
                )
            )
        bar = stack.enter_context(Progress(console=Console(stderr=True)))
        task = bar.add_task("predict", total=pictures.count)

        def fail(error: ImageError) -> None:
            failures.append(error)
            bar.advance(task)

        for item in predict_images(detector, pictures.read_each(), config=scoring, on_failure=fail):
            bar.advance(task)
            if writer is not None:
                writer.write(item)
            done += 1
            sure = item.detections.class_ids[item.detections.scores >= settings.min_score]
            shown.update(detector.table.name_of(int(class_id)) for class_id in sure)
    console = Console()
    counts = ", ".join(f"{name} {count}" for name, count in shown.most_common()) or "none"
    console.print(f"{done} pictures, detections from score {settings.min_score:g} on: {counts}", soft_wrap=True)
    for failure in failures:
        console.print(f"could not read {failure.name}: {failure.reason}", soft_wrap=True, markup=False)
    if writer is None:
        console.print("nothing saved: add --save-images, --save-kitti or --save-json")
    else:
        console.print(f"saved in {writer.out_dir}", soft_wrap=True)
    if failures and fail_on_corrupt:
        raise typer.Exit(1)
