"""A checkpoint's exports in one folder: written, run, held equal to the source, and only then given their name."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kittidet.config import CompareConfig, EvalConfig, ExportConfig
from kittidet.detect.detector import Detector
from kittidet.detect.letterbox import Letterbox, to_original
from kittidet.errors import ExportError
from kittidet.eval.interval import ap_intervals
from kittidet.eval.matches import match_detections
from kittidet.export.agreement import BYTES, EXACT, HALF, Agreement, check_candidates, check_detections
from kittidet.export.check_set import CheckSet, build_check_set, candidates_of
from kittidet.export.model_card import ExportedFile, RunScores, write_card
from kittidet.export.onnx import check_onnx_installed, open_onnx, write_onnx
from kittidet.export.serving import open_saved_model, write_saved_model
from kittidet.export.tflite import open_tflite, write_tflite
from kittidet.files import list_files, whole_folder
from kittidet.registry.lineage import describe_origin, version_of
from kittidet.runs.run import SUMMARY, Run

log = logging.getLogger(__name__)

CARD = "README.md"
# Detections from this score on must be in both; weaker ones may come and go with the last digit of a score.
_MIN_SCORE = 0.1
_AS_IT_IS = Letterbox((1.0, 1.0), (0.0, 0.0))
# Name, what it is in words, how closely it must follow the source; every format but the SavedModel, which alone ends
# in detections.
_RAW_FORMATS = {
    "onnx": ("model.onnx", "ONNX: the network", EXACT),
    "tflite_float16": ("model_float16.tflite", "TFLite: the network, weights as float16", HALF),
    "tflite_dynamic": ("model_dynamic.tflite", "TFLite: the network, weights as bytes (dynamic range)", BYTES),
}


@dataclass(frozen=True, slots=True)
class Export:
    """Finished exports.

    Attributes:
        path: the folder.
        files: what is in it, each with how closely it follows the source.
    """

    path: Path
    files: tuple[ExportedFile, ...]


def export_detector(
    source: Path, out_dir: Path, *, config: ExportConfig, evaluation: EvalConfig, images: Sequence[Path] = ()
) -> Export:
    """Write the exports of a detector and its model card; the folder appears when all of them agree with the source.

    Args:
        source: a run folder (its best checkpoint) or a checkpoint folder.
        out_dir: made; must not exist.
        config: the formats.
        evaluation: score threshold, suppression and detections an image, fixed in the SavedModel.
        images: to compare on; synthetic ones where none are given.

    Raises:
        ExportError: if the folder exists, a format cannot hold the network, or an export disagrees with its source.
        CheckpointMismatchError: if the source is no checkpoint.
        ImageError: if an image cannot be read, or a SavedModel would read it differently.
        StoreError: if the source is a run and a file of it is missing or damaged.
    """
    if out_dir.exists():
        raise ExportError(f"{out_dir}: already exists. Choose another folder, or remove this one.")
    if "onnx" in config.formats:
        check_onnx_installed()
    detector = Detector.load(source)
    scores = _run_scores(source)
    checks = build_check_set(detector, evaluation=evaluation, images=images)
    try:
        with whole_folder(out_dir) as folder:
            names = "".join(f"{name}\n" for name in detector.table.names)
            (folder / "class_names.txt").write_text(names, encoding="utf-8")
            files = [_export(kind, folder, detector, checks, evaluation) for kind in config.formats]
            card = write_card(detector.facts, files, evaluation, scores)
            (folder / CARD).write_text(card, encoding="utf-8")
    except OSError as error:
        raise ExportError(f"{out_dir}: cannot write the export: {error.strerror or error}.") from error
    return Export(out_dir, tuple(files))


def _export(kind: str, folder: Path, detector: Detector, checks: CheckSet, evaluation: EvalConfig) -> ExportedFile:
    if kind == "saved_model":
        path = write_saved_model(
            detector, folder / kind, config=evaluation, class_names_path=folder / "class_names.txt"
        )
        words = "TensorFlow SavedModel: encoded images in, boxes in their pixels out"
        agreement = _check_saved_model(path, checks)
    else:
        name, words, tolerance = _RAW_FORMATS[kind]
        path = folder / name
        if kind == "onnx":
            write_onnx(detector.network, path)
            run = open_onnx(path)
        else:
            write_tflite(detector.network, path, precision="float16" if kind == "tflite_float16" else "dynamic")
            run = open_tflite(path)
        source, exported = (candidates_of(raw, detector) for raw in (checks.raw, run(checks.images)))
        agreement = check_candidates(source, exported, tolerance=tolerance, min_score=_MIN_SCORE, what=name)
    size = sum(p.stat().st_size for p in (list_files(path) if path.is_dir() else [path])) / 1e6
    log.info(
        "export.written file=%s megabytes=%.1f compared=%d max_score_difference=%.5f min_iou=%.4f",
        *(path.name, size, agreement.compared, agreement.max_score_difference, agreement.min_iou),
    )
    return ExportedFile(path.name, words, size, agreement)


def _check_saved_model(path: Path, checks: CheckSet) -> Agreement:
    found = [
        to_original(name, one["boxes_xyxy"], one["scores"], one["class_ids"], letterbox=_AS_IT_IS, size_wh=size_wh)
        for name, one, size_wh in zip(
            checks.names, open_saved_model(path)(checks.encoded), checks.sizes_wh, strict=True
        )
    ]
    return check_detections(checks.detections, found, tolerance=EXACT, min_score=_MIN_SCORE, what=path.name)


def _run_scores(source: Path) -> RunScores | None:
    """Return data and scores where the source is a run folder; a bare checkpoint has none."""
    if not (source / SUMMARY).is_file():
        return None
    run = Run.open(source)
    matches = match_detections(run.ground_truth, run.results)
    version = version_of(run)
    origin = () if version is None else (("version", f"{version.model} {version.version}"), *describe_origin(version))
    return RunScores(run.summary, ap_intervals(matches, **CompareConfig().model_dump()), run.data_kind, origin)
