"""What a person sees of a run in Prefect's pages: tables, images, progress and links.

Outside a run (a task's function called by a test or a script) nothing is sent anywhere.
"""

import base64
import csv
import io
import itertools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from PIL import Image
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext, TaskRunContext
from prefect.exceptions import PrefectException

from kittidet.classes import ClassTable
from kittidet.drawing import draw_frame, draw_gallery
from kittidet.errors import EvaluationError
from kittidet.eval.coco_format import image_ids, rows_from_results
from kittidet.eval.score_text import SYNTHETIC, fact_text, leakage_text, limit_text, score_text
from kittidet.files import read_json
from kittidet.frame import Detections, Frame
from kittidet.kitti.frames import load_frame
from kittidet.runs.frames import frame_detections
from kittidet.steps.fetch import dataset_tree
from kittidet.steps.split import Side, split_ids
from kittidet.store import StepOutput, Store

log = logging.getLogger(__name__)

# A page of several megabytes would make the server's database and the browser slow.
MAX_IMAGE_WIDTH = 1600
JPEG_QUALITY = 82
# Rows of findings.csv in the table; the file has them all.
SHOWN_FINDINGS = 200
GALLERY_FRAMES = 8
GALLERY_COLUMNS = 2
# Weaker detections are scored but would hide the image under boxes.
SHOWN_SCORE = 0.3


def is_in_run() -> bool:
    """Whether a Prefect flow or task run is what calls."""
    return TaskRunContext.get() is not None or FlowRunContext.get() is not None


def show_table(key: str, rows: Sequence[Mapping[str, Any]], description: str) -> None:
    """Show rows of equal keys as a table."""
    if is_in_run():
        create_table_artifact(table=[dict(row) for row in rows], key=key, description=description)


def show_facts(key: str, facts: Mapping[str, Any], description: str) -> None:
    """Show name and value pairs as a table of two columns."""
    show_table(key, [{"what": name, "value": fact_text(value)} for name, value in facts.items()], description)


def show_text(key: str, markdown: str, description: str) -> None:
    """Show a page of markdown."""
    if is_in_run():
        create_markdown_artifact(markdown=markdown, key=key, description=description)


def show_link(key: str, link: str, text: str, description: str) -> None:
    """Show an address."""
    if is_in_run():
        create_link_artifact(link=link, link_text=text, key=key, description=description)


def show_findings(summary: Mapping[str, Any], findings_csv: Path) -> None:
    """Show the summary of a validation, and the first findings as a table."""
    show_facts("kitti-validation", summary, "The data contract")
    with findings_csv.open(encoding="utf-8", newline="") as stream:
        rows = list(itertools.islice(csv.DictReader(stream), SHOWN_FINDINGS))
    if rows:
        show_table("kitti-findings", rows, f"{len(rows)} of {summary['findings']} findings; all in {findings_csv}")


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
    ids = image_ids(split_ids(store, split, "val"))
    results = read_json(predictions_path, error=EvaluationError, advice="Publish the run again.")
    rows = rows_from_results(results, where=str(predictions_path))
    frames = _first_frames(store, dataset, split, "val", table)
    images = [{"id": ids[frame.frame_id], "frame_id": frame.frame_id} for frame in frames]
    return _gallery([*zip(frames, frame_detections(rows, {"images": images}), strict=True)], table)


def image_markdown(image: Image.Image, caption: str) -> str:
    """Return markdown with an image embedded, so that it shows without any file server."""
    image = image.convert("RGB")
    if image.width > MAX_IMAGE_WIDTH:
        image = image.resize((MAX_IMAGE_WIDTH, round(image.height * MAX_IMAGE_WIDTH / image.width)))
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=JPEG_QUALITY)
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"![{caption}](data:image/jpeg;base64,{data})"


class ProgressBar:
    """A progress bar in Prefect's pages.

    Args:
        key: the artifact's key.
        description: what goes forward.
    """

    def __init__(self, key: str, description: str) -> None:
        self._id: UUID | None = None
        if is_in_run():
            created: Any = create_progress_artifact(progress=0.0, key=key, description=description)
            self._id = created

    def update(self, share: float, description: str) -> None:
        """Show how far it is, 0..1, and a line about it."""
        if self._id is None:
            return
        try:
            update_progress_artifact(self._id, progress=100.0 * min(1.0, max(0.0, share)), description=description)
        except (httpx.HTTPError, PrefectException) as error:
            # Hours of training must not end because the server was away for the length of one update.
            log.warning("progress.not_shown error=%r", error)


class FileBar:
    """One progress bar over whatever file is being fetched, shown from its first byte on and at each whole percent.

    Args:
        key: the artifact's key.
        description: what goes forward.
    """

    def __init__(self, key: str, description: str) -> None:
        self._names = (key, description)
        self._bar: ProgressBar | None = None
        self._shown = ("", -1)

    def __call__(self, name: str, done: int, total: int | None) -> None:
        """Show how much of a file is there; one whose size is not known is not shown."""
        if not total or (name, 100 * done // total) == self._shown:
            return
        self._shown = (name, 100 * done // total)
        if self._bar is None:
            self._bar = ProgressBar(*self._names)
        self._bar.update(done / total, f"{name}: {done:,} of {total:,}")


def _first_frames(store: Store, dataset: StepOutput, split: StepOutput, side: Side, table: ClassTable) -> list[Frame]:
    tree = dataset_tree(store, dataset)
    return [load_frame(tree, frame_id, table) for frame_id in split_ids(store, split, side)[:GALLERY_FRAMES]]


def _gallery(items: Sequence[tuple[Frame, Detections | None]], table: ClassTable) -> Image.Image:
    drawn = []
    for frame, found in items:
        with Image.open(frame.image_path) as image:
            drawing = draw_frame(image, objects=frame.objects, detections=found, table=table, min_score=SHOWN_SCORE)
        drawn.append((frame.frame_id, drawing))
    return draw_gallery(drawn, columns=min(GALLERY_COLUMNS, len(drawn)), width=MAX_IMAGE_WIDTH)
