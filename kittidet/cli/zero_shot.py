"""``kittidet zero-shot``: what a COCO checkpoint scores on a run's validation frames without training."""

from pathlib import Path
from typing import Annotated

import typer

from kittidet.cli.json_file import check_json_file, write_json_file

RunDir = Annotated[
    Path, typer.Argument(metavar="RUN", help="Finished run: its frames, and its scores beside the baseline.")
]
Weights = Annotated[Path, typer.Option("--weights", "-w", help="COCO checkpoint of the run's variant.")]
Data = Annotated[Path | None, typer.Option("--data", help="KITTI tree of the run; default: what its store holds.")]
JsonFile = Annotated[Path | None, typer.Option("--json", help="Write everything here.")]


def zero_shot(run: RunDir, weights: Weights, data: Data = None, json_file: JsonFile = None) -> None:
    """Score a COCO checkpoint on the run's frames through the class map, beside the fine-tuned detector."""
    from rich.console import Console
    from rich.progress import track
    from rich.table import Table

    from kittidet.detect.detector import Detector
    from kittidet.detect.images import ImageError
    from kittidet.detect.sources import find_images
    from kittidet.errors import EvaluationError
    from kittidet.eval.score_text import score_text
    from kittidet.eval.zero_shot import zero_shot_baseline
    from kittidet.runs.run import Run

    check_json_file(json_file)
    tree = Run.open(run).find_tree(data)
    if tree is None:
        raise EvaluationError(f"{run}: the images it was scored on are not in its store. Name the tree with --data.")
    finished = Run.open(run, tree=tree)
    model = finished.config.model
    # Anchors are the published ones, which the weights were trained with, whatever the run's `anchor_scale` says.
    detector = Detector.from_coco(model.variant, input_hw=model.input_hw, weights=weights)

    def stop(error: ImageError) -> None:
        raise error  # a frame that is left out would change the number

    images = find_images(frame.image_path for frame in finished.frames)
    found = detector.predictor.predict_each(images.reads, config=finished.config.evaluation, on_failure=stop)
    shown = track(found, "predict", total=len(finished.frames), console=Console(stderr=True))
    baseline = zero_shot_baseline(
        finished.frames,
        [item.detections for item in shown],
        finished.table,
        fine_tuned=finished.detections,
        engine="pycocotools",
    )
    table = Table(title=f"COCO AP on {baseline.zero_shot.n_images} frames, classes that COCO has", title_justify="left")
    for column in ("class", "COCO class", "objects", "zero-shot", "fine-tuned"):
        table.add_column(column, justify="left" if "class" in column else "right")
    tuned = baseline.fine_tuned
    rows = [("all", "", baseline.zero_shot.n_ground_truth, baseline.zero_shot.ap, tuned.ap if tuned else None)] + [
        (
            name,
            ", ".join(words),
            baseline.zero_shot.per_class_count[name],
            baseline.zero_shot.per_class_ap[name],
            tuned.per_class_ap[name] if tuned else None,
        )
        for name, words in baseline.coco_words.items()
    ]
    for name, words, objects, *values in rows:
        cells = [score_text(value) for value in values]
        table.add_row(name, words, str(objects), *cells)
    console = Console()
    console.print(table)
    for name, why in baseline.not_covered.items():
        console.print(f"not scored: {name}: {why}", soft_wrap=True)
    write_json_file(json_file, baseline.to_json())
