"""What a person sees of a run in Prefect's pages: findings, scores, galleries of labels and detections, its summary."""

import base64
import csv
import io
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from kittidet.classes import ClassTable
from kittidet.drawing import draw_frame, draw_gallery
from kittidet.errors import EvaluationError
from kittidet.eval.coco_format import image_ids, rows_from_results
from kittidet.eval.score_text import SYNTHETIC, leakage_text, limit_text, score_text
from kittidet.files import read_json
from kittidet.frame import Detections, Frame
from kittidet.kitti.frames import load_frame
from kittidet.report.images import read_image
from kittidet.report.result import NUMBERS
from kittidet.runs.frames import frame_detections
from kittidet.steps.fetch import dataset_tree
from kittidet.steps.split import Side, split_ids
from kittidet.store import StepOutput, Store
from tasks.artifacts import show_facts, show_table

# A page of several megabytes would make the server's database and the browser slow.
MAX_IMAGE_WIDTH = 1600
JPEG_QUALITY = 82
# Rows of findings.csv in the table; the file has them all.
SHOWN_FINDINGS = 200
GALLERY_FRAMES = 8
GALLERY_COLUMNS = 2
# Weaker detections are scored but would hide the image under boxes.
SHOWN_SCORE = 0.3


def show_findings(summary: Mapping[str, Any], findings_csv: Path) -> None:
    """Show the summary of a validation, and the first findings as a table."""
    show_facts("kitti-validation", summary, "The data contract")
    with findings_csv.open(encoding="utf-8", newline="") as stream:
        rows = list(itertools.islice(csv.DictReader(stream), SHOWN_FINDINGS))
    if rows:
        where = f"{findings_csv.parent.name}/{findings_csv.name} in the store"
        show_table("kitti-findings", rows, f"{len(rows)} of {summary['findings']} findings; all in {where}")


def show_scores(key: str, metrics: Mapping[str, Any], description: str) -> None:
    """Show AP and AP50, all classes first, then each by name."""
    per_class = [(name, ap, metrics["per_class_ap50"][name]) for name, ap in metrics["per_class_ap"].items()]
    rows = [("all", metrics["ap"], metrics["ap50"]), *per_class]
    show_table(key, [{"class": name, "ap": ap, "ap50": ap50} for name, ap, ap50 in rows], description)


def run_page(path: Path, summary: Mapping[str, Any]) -> str:
    """Return a run's summary as markdown: AP of the picked checkpoint, per class, and what it stands on."""
    digests = "".join(f"| {name} | `{digest[:16]}` |\n" for name, digest in summary["digests"].items())
    classes = "".join(
        f"| {name} | {score_text(ap)} | {score_text(summary['per_class_ap50'][name])} "
        f"| {summary['counts']['val'].get(name, 0)} |\n"
        for name, ap in summary["per_class_ap"].items()
    )
    return (
        f"# AP {score_text(summary['ap'])} at step {summary['best_step']} (epoch {summary['best_epoch']})\n\n"
        + (f"**{SYNTHETIC}**\n\n" if summary.get("synthetic") else "")
        + f"Leakage: {leakage_text(summary)}.\n\n"
        + (f"{limit}\n\n" if (limit := limit_text(summary)) else "")
        + f"AP50 {score_text(summary['ap50'])}, AP75 {score_text(summary['ap75'])}; "
        f"{summary['n_train']} frames trained on, {summary['n_val']} scored, {summary['n_set_aside']} set aside.\n\n"
        f"Folder: `{path}`\n\n"
        f"| class | AP | AP50 | objects in val |\n|---|---:|---:|---:|\n{classes}"
        f"\n| made from | digest |\n|---|---|\n{digests}"
    )


def report_page(page: Path) -> str:
    """Return the gist of a report as markdown: where the page is, curves, and official AP where there is any.

    Browsers follow no ``file:`` link from a page that a server sent. So what people look for first is embedded, and the
    rest is named.

    Args:
        page: ``report/index.html``, its images and numbers beside it.

    Raises:
        EvaluationError: if ``measures.json`` is there but is not JSON.
    """
    sheets = (
        ("results.png", "training"),
        ("pr_curve.png", "precision and recall"),
        ("confusion_matrix.png", "confusion"),
    )
    parts = [f"The whole report is a file on the machine that made it; open it there in a browser: `{page}`"]
    for name, caption in sheets:
        if (page.parent / name).is_file():
            with Image.open(page.parent / name) as image:
                parts.append(image_markdown(image, caption))
    if (page.parent / NUMBERS).is_file():
        measures = read_json(
            page.parent / NUMBERS, error=EvaluationError, advice="Remove the report and retry this run."
        )
        if kitti := measures.get("kitti"):
            rows = "".join(
                f"| {name} | {' | '.join(score_text(level, 2) for level in scores['R40'])} |\n"
                for name, scores in kitti["ap"].items()
            )
            parts.append(f"| official KITTI AP, R40 | easy | moderate | hard |\n|---|---:|---:|---:|\n{rows}")
    return "\n\n".join(parts)


def label_gallery(store: Store, dataset: StepOutput, split: StepOutput, side: Side, table: ClassTable) -> Image.Image:
    """Return the first frames of a side with their labels."""
    return _gallery([(frame, None) for frame in _first_frames(store, dataset, split, side, table)], table)


def prediction_gallery(
    store: Store, dataset: StepOutput, split: StepOutput, predictions_path: Path, table: ClassTable
) -> Image.Image:
    """Return the first validation frames with their labels (dashed) and detections (solid).

    Args:
        store: holds the outputs.
        dataset: the data set's output.
        split: the split's output.
        predictions_path: ``predictions.json`` of a checkpoint, scored on this split.
        table: the class table of the detections.

    Raises:
        EvaluationError: if the file holds no COCO results.
    """
    frames = _first_frames(store, dataset, split, "val", table)
    return _gallery([*zip(frames, _found(store, split, predictions_path, frames), strict=True)], table)


def comparison_gallery(
    store: Store,
    dataset: StepOutput,
    split: StepOutput,
    predictions_paths: tuple[Path, Path],
    table: ClassTable,
) -> Image.Image:
    """Return the first validation frames with their labels and what two checkpoints find, a row each frame.

    Args:
        store: holds the outputs.
        dataset: the data set's output.
        split: the split's output.
        predictions_paths: ``predictions.json`` of the one on the left and of the one on the right.
        table: the class table of the detections.

    Raises:
        EvaluationError: if a file holds no COCO results.
    """
    frames = _first_frames(store, dataset, split, "val", table)[: GALLERY_FRAMES // len(predictions_paths)]
    left, right = (_found(store, split, path, frames) for path in predictions_paths)
    rows = zip(frames, left, right, strict=True)
    return _gallery([item for frame, one, other in rows for item in ((frame, one), (frame, other))], table)


def image_markdown(image: Image.Image, caption: str) -> str:
    """Return markdown with an image embedded, so that it shows without any file server."""
    image = image.convert("RGB")
    if image.width > MAX_IMAGE_WIDTH:
        image = image.resize((MAX_IMAGE_WIDTH, round(image.height * MAX_IMAGE_WIDTH / image.width)))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=JPEG_QUALITY)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"![{caption}](data:image/jpeg;base64,{data})"


def _first_frames(store: Store, dataset: StepOutput, split: StepOutput, side: Side, table: ClassTable) -> list[Frame]:
    tree = dataset_tree(store, dataset)
    return [load_frame(tree, frame_id, table) for frame_id in split_ids(store, split, side)[:GALLERY_FRAMES]]


def _found(store: Store, split: StepOutput, predictions_path: Path, frames: Sequence[Frame]) -> tuple[Detections, ...]:
    """Return what a file of COCO results holds for some validation frames."""
    ids = image_ids(split_ids(store, split, "val"))
    results = read_json(predictions_path, error=EvaluationError, advice="Publish the run again.")
    rows = rows_from_results(results, where=str(predictions_path))
    images = [{"id": ids[frame.frame_id], "frame_id": frame.frame_id} for frame in frames]
    return frame_detections(rows, {"images": images})


def _gallery(items: Sequence[tuple[Frame, Detections | None]], table: ClassTable) -> Image.Image:
    drawn = []
    for frame, found in items:
        image = read_image(frame)
        drawing = draw_frame(image, objects=frame.objects, detections=found, table=table, min_score=SHOWN_SCORE)
        drawn.append((frame.frame_id, drawing))
    return draw_gallery(drawn, columns=min(GALLERY_COLUMNS, len(drawn)), width=MAX_IMAGE_WIDTH)
