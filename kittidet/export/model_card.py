"""The card that travels with an exported model: what it is, made from what, how good, and for what not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from kittidet.config import EvalConfig
from kittidet.detect.checkpoint import DetectorFacts
from kittidet.eval.interval import ApIntervals, Interval
from kittidet.eval.score_text import SYNTHETIC, is_kitti, leakage_text, limit_text, score_text
from kittidet.export.agreement import Agreement
from kittidet.export.held_out import ApKept

_BADGE = (
    f"> **Trained and scored on {SYNTHETIC}.** The scores below say nothing about photographs of streets, of which "
    "this training had none."
)
_ONLY_NON_COMMERCIAL = (
    "Trained on KITTI (Andreas Geiger, Philip Lenz, Raquel Urtasun, CVPR 2012), licensed CC BY-NC-SA 3.0: "
    "**non-commercial use only**, share alike, name the authors. Treat these weights the same way."
)
_FIRST_WEIGHTS = "If training started from other weights, the licence of their data holds as well."


@dataclass(frozen=True, slots=True)
class _Data:
    """What a card says about the data that a model was trained on: its title, its images, its licence, its limits."""

    title: str
    images: str
    licence: str
    limits: str


_KITTI = _Data(
    "KITTI 2D",
    "images of a car's front camera",
    _ONLY_NON_COMMERCIAL,
    "- Daylight, dry roads, one city and its surroundings, one camera 1.65 m above the road. Night, rain, "
    "other countries and other cameras were never seen.\n"
    "- KITTI leaves far and hidden objects unlabelled (DontCare): the model was not asked to find them.\n",
)
_SYNTHETIC = _Data(
    SYNTHETIC,
    "rendered street scenes",
    f"Trained on scenes that kittidet renders, which anyone may make again. {_FIRST_WEIGHTS}",
    "- Rendered scenes are no photographs: of those it finds little.\n",
)
_OWN = _Data(
    "a data set of its own",
    "images like those it was trained on",
    f"The licence of the data set it was trained on decides what these weights may be used for. {_FIRST_WEIGHTS}",
    "- Scenes, weather and cameras that the data set lacks were never seen.\n",
)


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One exported model.

    Attributes:
        name: file or folder.
        kind: what it is, in words.
        megabytes: its size.
        agreement: with the source, score by score; None where it is judged by ``kept``.
        kept: the AP that it keeps on held-out frames; None where it is judged by ``agreement``.
    """

    name: str
    kind: str
    megabytes: float
    agreement: Agreement | None
    kept: ApKept | None = None


@dataclass(frozen=True, slots=True)
class RunScores:
    """What is known of the run that the model comes from.

    Attributes:
        summary: its ``summary.json``.
        intervals: of its scores.
        source: the kind of its data, as in ``source.kind``; ``synthetic`` also for a folder of such scenes.
        origin: what it was made from, as name and value; empty where it is in no registry.
    """

    summary: Mapping[str, Any]
    intervals: ApIntervals
    source: str
    origin: Sequence[tuple[str, str]] = ()


def write_card(
    facts: DetectorFacts, files: Sequence[ExportedFile], evaluation: EvalConfig, run: RunScores | None
) -> str:
    """Return the model card as Markdown.

    Args:
        facts: what the checkpoint says about itself.
        files: the exported models, compared with their source.
        evaluation: what is fixed in the SavedModel's graph.
        run: data and scores; None for a checkpoint without a run, and the card says that they are not known.
    """
    height, width = facts.model.input_hw
    name = f"EfficientDet-{facts.model.variant.upper()}"
    data = _data_of(facts, run)
    parts = [
        f"# {name} on {data.title}",
        *([_BADGE] if data is _SYNTHETIC else []),
        (
            f"Finds {', '.join(facts.table.names)} in {data.images}. Input {width} x {height} px, "
            f"step {facts.step}, epoch {facts.epoch}. Made with kittidet {version('kittidet')}."
        ),
        "## Files",
        _table(
            ("file", "what", "MB", "largest score difference", "least overlap", "AP kept"),
            [_file_row(f) for f in files],
        ),
        *_judged(files),
        "## Use",
        _use(evaluation),
        "## Data and scores",
        _scores(facts, run),
        *(["## Origin", _table(("what", "which"), run.origin)] if run is not None and run.origin else []),
        "## Licence",
        data.licence,
        "## Limits",
        (
            f"{data.limits}"
            "- Scores are not probabilities; choose a threshold on your own data.\n"
            "- The SavedModel reads upright PNG, JPEG and BMP images: it does not turn by their EXIF orientation.\n"
            "- Not fit to steer a vehicle or to watch people."
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _file_row(file: ExportedFile) -> tuple[str, ...]:
    start = (f"`{file.name}`", file.kind, f"{file.megabytes:.1f}")
    if file.kept is not None:
        kept = file.kept
        return (*start, f"{kept.max_score_difference:.4f}", "", f"{kept.exported:.4f} of {kept.source:.4f}")
    if file.agreement is None:
        raise ValueError(f"{file.name}: expected how it was judged")
    return (*start, f"{file.agreement.max_score_difference:.4f}", f"{file.agreement.min_iou:.3f}", "")


def _judged(files: Sequence[ExportedFile]) -> Iterator[str]:
    """Yield how the files were compared with their source."""
    first = next((f for f in files if f.agreement is not None), None)
    if first is not None and first.agreement is not None:
        yield (
            f"Each with an overlap was run on {first.agreement.frames} images and gave what the source model gives "
            f"({first.agreement.compared} boxes compared in `{first.name}`); the rest says how well."
        )
    kept = [f.kept for f in files if f.kept is not None]
    if kept:
        calibrated = max(one.calibrated_on for one in kept)
        on = f" Files in 8 bits were calibrated on {calibrated} training frames." if calibrated else ""
        yield (
            f"Each with an AP was judged by it alone, on {kept[0].frames} validation frames that are not among those "
            f"it was calibrated on: its own AP, and that of the source on the same frames.{on} Scores of a quantised "
            "file differ from the source's by up to the difference above: choose thresholds on the file that is used."
        )


def _data_of(facts: DetectorFacts, run: RunScores | None) -> _Data:
    """Return what is said about the data: of its source, and without a run of the classes."""
    if run is not None and run.source == "synthetic":
        return _SYNTHETIC
    return _KITTI if is_kitti(facts.table.names, None if run is None else run.source) else _OWN


def _use(evaluation: EvalConfig) -> str:
    return (
        "```python\n"
        "import tensorflow as tf\n\n"
        'model = tf.saved_model.load("saved_model")\n'
        'found = model.signatures["serving_default"](image_bytes=tf.constant([open("image.png", "rb").read()]))\n'
        'names = open("saved_model/assets/class_names.txt").read().split()\n'
        'for i in range(int(found["num_valid"][0])):\n'
        '    print(names[found["class_ids"][0, i] - 1], float(found["scores"][0, i]), found["boxes_xyxy"][0, i])\n'
        "```\n\n"
        "Boxes are left, top, right, bottom in pixels of the image as it came; class ids start at 1. At most "
        f"{evaluation.max_detections} detections with scores above {evaluation.score_threshold}. The TFLite and ONNX "
        "files hold the network alone: they take the letterboxed, normalised image and return class logits and box "
        "codes of every anchor."
    )


def _scores(facts: DetectorFacts, run: RunScores | None) -> str:
    if run is None:
        return (
            f"Not known: exported from a checkpoint without its run. Records `{(facts.records_digest or 'none')[:16]}`."
        )
    summary, intervals = run.summary, run.intervals
    rows = [
        ("all", score_text(summary["ap"]), _between(intervals.ap), score_text(summary["ap50"])),
        *(
            (
                name,
                score_text(ap),
                _between(intervals.per_class_ap.get(name)),
                score_text(summary["per_class_ap50"].get(name)),
            )
            for name in facts.table.names
            for ap in [summary["per_class_ap"].get(name)]
        ),
    ]
    return (
        f"{summary['n_train']} frames to train on, {summary['n_val']} to validate, split `{summary['split']}` "
        f"with digest `{summary['digests']['split']}`; leakage: {leakage_text(summary)}.{_others(facts)}\n\n"
        + _table(("class", "COCO AP", f"{intervals.confidence:.0%} interval", "AP50"), rows)
        + f"\n\nOn {intervals.frames} validation frames; intervals are of the luck of the frames (bootstrap)."
        + (f" {limit}" if (limit := limit_text(summary)) else "")
    )


def _others(facts: DetectorFacts) -> str:
    of_others = facts.table.of_others.removeprefix("; others ")
    return f" Labels of other types were {of_others}." if of_others else ""


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _between(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
