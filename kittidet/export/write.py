"""A checkpoint's exports in one folder: written, run, held equal to the source, and only then given their name."""

import json
import logging
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kittidet.config import CompareConfig, EvalConfig, ExportConfig
from kittidet.detect.checkpoint import LoadedDetector, detector_path, load_detector, read_facts
from kittidet.errors import ExportError
from kittidet.eval.interval import ap_intervals
from kittidet.eval.matches import match_detections
from kittidet.export.agreement import BYTES, EXACT, HALF, Agreement, Tolerance, check_candidates, check_detections
from kittidet.export.check_set import CheckSet, RawModel, build_check_set, candidates_of, to_detections
from kittidet.export.model_card import ExportedFile, RunScores, write_card
from kittidet.export.onnx import check_onnx_installed, open_onnx, write_onnx
from kittidet.export.serving import open_saved_model, write_saved_model
from kittidet.export.tflite import open_tflite, write_tflite
from kittidet.files import list_files
from kittidet.runs.compare import read_run_results

log = logging.getLogger(__name__)

# Detections from here on must be in both; weaker ones may come and go with the last digit of a score.
_MIN_SCORE = 0.1

CARD = "README.md"


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
    source: Path, out_dir: Path, *, config: ExportConfig, evaluation: EvalConfig, pictures: Sequence[Path] = ()
) -> Export:
    """Write the exports of a detector and its model card; the folder appears when all of them agree with the source.

    Args:
        source: a run folder (its best checkpoint) or a checkpoint folder.
        out_dir: made; must not exist.
        config: the formats.
        evaluation: score threshold, suppression and detections an image, fixed in the SavedModel.
        pictures: to compare on; drawn ones where none are given.

    Raises:
        ExportError: if the folder exists, a format cannot hold the network, or an export disagrees with its source.
        CheckpointMismatchError: if the source is no checkpoint.
        EvaluationError: if a picture, or a run's own predictions, cannot be read.
    """
    if out_dir.exists():
        raise ExportError(f"{out_dir}: already exists. Choose another folder, or remove this one.")
    if "onnx" in config.formats:
        check_onnx_installed()
    checkpoint = detector_path(source)
    facts, scores = read_facts(checkpoint), _run_scores(source)
    detector = load_detector(checkpoint)
    checks = build_check_set(detector, evaluation=evaluation, pictures=pictures)
    partial = out_dir.with_name(f".{out_dir.name}.partial-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        names = partial / "class_names.txt"
        names.write_text("".join(f"{name}\n" for name in detector.table.names), encoding="utf-8")
        files = [_export(kind, partial, detector, checks, evaluation) for kind in config.formats]
        (partial / CARD).write_text(write_card(facts, files, evaluation, scores), encoding="utf-8")
        partial.rename(out_dir)
    except OSError as error:
        raise ExportError(f"{out_dir}: cannot write the export: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Export(out_dir, tuple(files))


def _export(
    kind: str, folder: Path, detector: LoadedDetector, checks: CheckSet, evaluation: EvalConfig
) -> ExportedFile:
    network = detector.network
    if kind == "saved_model":
        path = write_saved_model(
            detector, folder / kind, config=evaluation, class_names_path=folder / "class_names.txt"
        )
        said = "TensorFlow SavedModel: encoded images in, boxes in their pixels out"
        agreement = _check_saved_model(path, checks)
    elif kind == "onnx":
        path = write_onnx(network, folder / "model.onnx")
        said = "ONNX: the network"
        agreement = _check_raw(path, open_onnx(path), EXACT, detector, checks)
    elif kind == "tflite_float16":
        path = write_tflite(network, folder / "model_float16.tflite", precision="float16")
        said = "TFLite: the network, weights as float16"
        agreement = _check_raw(path, open_tflite(path), HALF, detector, checks)
    else:
        path = write_tflite(network, folder / "model_dynamic.tflite", precision="dynamic")
        said = "TFLite: the network, weights as bytes (dynamic range)"
        agreement = _check_raw(path, open_tflite(path), BYTES, detector, checks)
    size = sum(p.stat().st_size for p in (list_files(path) if path.is_dir() else [path])) / 1e6
    log.info(
        "export.written file=%s megabytes=%.1f compared=%d max_score_difference=%.5f min_iou=%.4f",
        *(path.name, size, agreement.compared, agreement.max_score_difference, agreement.min_iou),
    )
    return ExportedFile(path.name, said, size, agreement)


def _check_saved_model(path: Path, checks: CheckSet) -> Agreement:
    found = [
        to_detections(name, one["boxes_xyxy"], one["scores"], one["class_ids"], size_wh)
        for name, one, size_wh in zip(
            checks.names, open_saved_model(path)(checks.encoded), checks.sizes_wh, strict=True
        )
    ]
    return check_detections(checks.detections, found, tolerance=EXACT, min_score=_MIN_SCORE, what=path.name)


def _check_raw(
    path: Path,
    run: RawModel,
    tolerance: Tolerance,
    detector: LoadedDetector,
    checks: CheckSet,
) -> Agreement:
    return check_candidates(
        candidates_of(checks.raw, detector),
        candidates_of(run(checks.images), detector),
        tolerance=tolerance,
        min_score=_MIN_SCORE,
        what=path.name,
    )


def _run_scores(source: Path) -> RunScores | None:
    """Return data and scores where the source is a run folder; a bare checkpoint has none."""
    if not (source / "summary.json").is_file():
        return None
    truth, results = read_run_results(source)
    draws = CompareConfig()
    intervals = ap_intervals(
        match_detections(truth, results), resamples=draws.resamples, confidence=draws.confidence, seed=draws.seed
    )
    try:
        return RunScores(json.loads((source / "summary.json").read_text(encoding="utf-8")), intervals)
    except (OSError, ValueError) as error:
        raise ExportError(f"{source / 'summary.json'}: cannot be read: {error}. Publish the run again.") from error
