"""``kittidet zero-shot``: what a COCO checkpoint scores on a run's validation frames without training."""

from pathlib import Path
from typing import Annotated

import typer

from kittidet.cli.json_file import JsonFile, check_json_file, write_json_file
from kittidet.cli.log_output import without_native_output
from kittidet.cli.tables import score_table

RunDir = Annotated[
    Path, typer.Argument(metavar="RUN", help="Finished run: its frames, and its scores beside the baseline.")
]
Weights = Annotated[Path, typer.Option("--weights", "-w", help="COCO checkpoint of the run's variant.")]
Data = Annotated[Path | None, typer.Option("--data", help="KITTI tree of the run; default: what its store holds.")]


@without_native_output
def zero_shot(run: RunDir, weights: Weights, data: Data = None, json_file: JsonFile = None) -> None:
    """Score a COCO checkpoint on the run's frames through the class map, beside the fine-tuned detector."""
    from rich.console import Console
    from rich.progress import track

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

    images = find_images((frame.image_path for frame in finished.frames), side_px=finished.config.validation.side_px)
    items = detector.predictor.predict_each(images.reads, config=finished.config.evaluation, on_failure=stop)
    shown = track(items, "predict", total=len(finished.frames), console=Console(stderr=True))
    baseline = zero_shot_baseline(
        finished.frames,
        [item.detections for item in shown],
        finished.table,
        fine_tuned=finished.detections,
        engine="pycocotools",
    )
    found, tuned = baseline.zero_shot, baseline.fine_tuned
    title = f"COCO AP on {found.n_images} frames, classes that COCO has"
    columns = ("class", "COCO class", "objects", "zero-shot", "fine-tuned")
    table = score_table(title, columns, left=("class", "COCO class"))
    table.add_row("all", "", str(found.n_ground_truth), score_text(found.ap), score_text(tuned.ap))
    for name, words in baseline.coco_words.items():
        scores = (score_text(one.per_class_ap[name]) for one in (found, tuned))
        table.add_row(name, ", ".join(words), str(found.per_class_count[name]), *scores)
    console = Console()
    console.print(table)
    for name, why in baseline.not_covered.items():
        console.print(f"not scored: {name}: {why}", soft_wrap=True)
    write_json_file(json_file, baseline.to_json())
