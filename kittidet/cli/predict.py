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
BatchSize = Annotated[int | None, typer.Option("--batch", min=1, help="Images at a time.")]
Strict = Annotated[bool, typer.Option("--fail-on-corrupt", help="Exit 1 if an image could not be read.")]


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
    """Find objects in images; go on past corrupt ones and list them."""
    from collections import Counter
    from contextlib import ExitStack

    from rich.console import Console
    from rich.progress import Progress

    from kittidet.config import EvalConfig, PredictConfig
    from kittidet.detect.checkpoint import detector_path
    from kittidet.detect.detector import Detector
    from kittidet.detect.images import ImageError
    from kittidet.detect.prediction_files import check_new_folder, prediction_writer
    from kittidet.detect.sources import find_images
    from kittidet.eval.score_text import SYNTHETIC
    from kittidet.files import next_free
    from kittidet.runs.run import is_trained_on_synthetic

    # What can be refused is refused before the model is loaded.
    images = find_images(source)
    out_dir = next_free(Path("predictions")) if out is None else check_new_folder(out)
    settings = PredictConfig() if min_score is None else PredictConfig(min_score=min_score)
    scoring = EvalConfig() if batch is None else EvalConfig(batch_size=batch)
    is_synthetic = is_trained_on_synthetic(model)
    detector = Detector.load(detector_path(model))
    saved = save_images or save_kitti or save_json
    failures: list[ImageError] = []
    done = 0
    shown: Counter[str] = Counter()
    with ExitStack() as stack:
        if saved:
            write = stack.enter_context(
                prediction_writer(
                    out_dir,
                    detector.table,
                    images=save_images,
                    kitti=save_kitti,
                    coco=save_json,
                    **settings.model_dump(),
                )
            )
        bar = stack.enter_context(Progress(console=Console(stderr=True)))
        task = bar.add_task("predict", total=images.count)

        def fail(error: ImageError) -> None:
            failures.append(error)
            bar.advance(task)

        for item in detector.predictor.predict_each(images.reads, config=scoring, on_failure=fail):
            bar.advance(task)
            if saved:
                write(item)
            done += 1
            sure = item.detections.above(settings.min_score)
            shown.update(detector.table.name_of(int(class_id)) for class_id in sure.class_ids)
    console = Console()
    counts = ", ".join(f"{name} {count}" for name, count in shown.most_common()) or "none"
    if is_synthetic:
        console.print(f"This detector was trained on {SYNTHETIC}.", soft_wrap=True)
    console.print(f"{done} images, detections from score {settings.min_score:g} on: {counts}", soft_wrap=True)
    for failure in failures:
        console.print(f"could not read {failure.name}: {failure.reason}", soft_wrap=True, markup=False)
    if saved:
        console.print(f"saved in {out_dir}", soft_wrap=True)
    else:
        console.print("nothing saved: add --save-images, --save-kitti or --save-json")
    if failures and fail_on_corrupt:
        raise typer.Exit(1)
