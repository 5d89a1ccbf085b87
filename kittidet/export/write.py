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
from kittidet.export.agreement import BYTES, EXACT, HALF, Agreement, Tolerance, check_candidates, check_detections
from kittidet.export.check_set import CheckSet, RawModel, build_check_set, candidates_of
from kittidet.export.model_card import ExportedFile, RunScores, write_card
from kittidet.export.onnx import check_onnx_installed, open_onnx, write_onnx
from kittidet.export.serving import open_saved_model, write_saved_model
from kittidet.export.tflite import open_tflite, write_tflite
from kittidet.files import list_files, whole_folder
from kittidet.runs.run import SUMMARY, Run

log = logging.getLogger(__name__)

CARD = "README.md"
_AS_IT_IS = Letterbox((1.0, 1.0), (0.0, 0.0))


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
        config: formats, and how they are compared.
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
    checks = build_check_set(detector, config=config, evaluation=evaluation, images=images)
    try:
        with whole_folder(out_dir) as folder:
            names = "".join(f"{name}\n" for name in detector.table.names)
            (folder / "class_names.txt").write_text(names, encoding="utf-8")
            files = [_export(kind, folder, detector, checks, config, evaluation) for kind in config.formats]
            card = write_card(detector.facts, files, evaluation, scores)
            (folder / CARD).write_text(card, encoding="utf-8")
    except OSError as error:
        raise ExportError(f"{out_dir}: cannot write the export: {error.strerror or error}.") from error
    return Export(out_dir, tuple(files))


def _export(
    kind: str, folder: Path, detector: Detector, checks: CheckSet, config: ExportConfig, evaluation: EvalConfig
) -> ExportedFile:
    network = detector.network
    if kind == "saved_model":
        path = write_saved_model(
            detector, folder / kind, config=evaluation, class_names_path=folder / "class_names.txt"
        )
        said = "TensorFlow SavedModel: encoded images in, boxes in their pixels out"
        agreement = _check_saved_model(path, checks, config)
    elif kind == "onnx":
        path = write_onnx(network, folder / "model.onnx")
        said = "ONNX: the network"
        agreement = _check_raw(path, open_onnx(path), EXACT, detector, checks, config)
    elif kind == "tflite_float16":
        path = write_tflite(network, folder / "model_float16.tflite", precision="float16")
        said = "TFLite: the network, weights as float16"
        agreement = _check_raw(path, open_tflite(path), HALF, detector, checks, config)
    else:
        path = write_tflite(network, folder / "model_dynamic.tflite", precision="dynamic")
        said = "TFLite: the network, weights as bytes (dynamic range)"
        agreement = _check_raw(path, open_tflite(path), BYTES, detector, checks, config)
    size = sum(p.stat().st_size for p in (list_files(path) if path.is_dir() else [path])) / 1e6
    log.info(
        "export.written file=%s megabytes=%.1f compared=%d max_score_difference=%.5f min_iou=%.4f",
        *(path.name, size, agreement.compared, agreement.max_score_difference, agreement.min_iou),
    )
    return ExportedFile(path.name, said, size, agreement)


def _check_saved_model(path: Path, checks: CheckSet, config: ExportConfig) -> Agreement:
    found = [
        to_original(name, one["boxes_xyxy"], one["scores"], one["class_ids"], letterbox=_AS_IT_IS, size_wh=size_wh)
        for name, one, size_wh in zip(
            checks.names, open_saved_model(path)(checks.encoded), checks.sizes_wh, strict=True
        )
    ]
    return check_detections(checks.detections, found, tolerance=EXACT, min_score=config.check_min_score, what=path.name)


def _check_raw(
    path: Path,
    run: RawModel,
    tolerance: Tolerance,
    detector: Detector,
    checks: CheckSet,
    config: ExportConfig,
) -> Agreement:
    return check_candidates(
        candidates_of(checks.raw, detector),
        candidates_of(run(checks.images), detector),
        tolerance=tolerance,
        min_score=config.check_min_score,
        what=path.name,
    )


def _run_scores(source: Path) -> RunScores | None:
    """Return data and scores where the source is a run folder; a bare checkpoint has none."""
    if not (source / SUMMARY).is_file():
        return None
    run = Run.open(source)
    draws = CompareConfig()
    intervals = ap_intervals(
        match_detections(run.ground_truth, run.results),
        resamples=draws.resamples,
        confidence=draws.confidence,
        seed=draws.seed,
    )
    return RunScores(run.summary, intervals)
