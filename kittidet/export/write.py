"""A checkpoint's exports in one folder: written, run, held equal to the source, and only then given their name."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from kittidet.config import CompareConfig, EvalConfig, ExportConfig, ModelConfig
from kittidet.config_export import CALIBRATED, ExportFormat
from kittidet.detect.checkpoint import detector_path, facts_to_json, read_facts
from kittidet.detect.detector import Detector
from kittidet.detect.letterbox import Letterbox, to_original
from kittidet.errors import ExportError
from kittidet.eval.interval import ap_intervals
from kittidet.eval.matches import match_detections
from kittidet.export.agreement import EXACT, Agreement, check_candidates, check_detections
from kittidet.export.check_set import CheckSet, build_check_set, candidates_of
from kittidet.export.formats import RAW_FORMATS, megabytes, open_raw
from kittidet.export.held_out import (
    ApKept,
    RecordFrames,
    calibration_frames,
    check_kept,
    compare_ap,
    held_out_frames,
)
from kittidet.export.model_card import ExportedFile, RunScores, write_card
from kittidet.export.onnx import check_onnx_installed
from kittidet.export.opened import FACTS
from kittidet.export.serving import open_saved_model, write_saved_model
from kittidet.export.signature import RawModel
from kittidet.files import whole_folder, write_json
from kittidet.registry.lineage import describe_origin, version_of
from kittidet.runs.run import SUMMARY, Run

log = logging.getLogger(__name__)
T = TypeVar("T")

CARD, CLASS_NAMES = "README.md", "class_names.txt"
# Detections from this score on must be in both; weaker ones may come and go with the last digit of a score.
_MIN_SCORE = 0.1
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


@dataclass(frozen=True, slots=True)
class ExportRecords:
    """Records that 8-bit exports are made and judged with, where they are not those of the run itself.

    Attributes:
        train: folder of the records to calibrate on.
        val: folder of the records to compare AP on.
    """

    train: Path | None = None
    val: Path | None = None


def export_detector(
    source: Path,
    out_dir: Path,
    *,
    config: ExportConfig,
    evaluation: EvalConfig,
    images: Sequence[Path] = (),
    records: ExportRecords = ExportRecords(),
) -> Export:
    """Write the exports of a detector and its model card; the folder appears when all of them agree with the source.

    Args:
        source: a run folder (its best checkpoint) or a checkpoint folder.
        out_dir: made; must not exist.
        config: the formats, and how 8-bit ones are calibrated and judged.
        evaluation: score threshold, suppression and detections an image, fixed in the SavedModel.
        images: to compare on; synthetic ones where none are given. Quantised formats are compared by AP on records.
        records: to calibrate and judge 8-bit formats with; by default those that the run was made from.

    Raises:
        ExportError: if the folder exists, a format cannot hold the network, an export disagrees with its source, or
            there are no records, or too few, for a format that needs them.
        CheckpointMismatchError: if the source is no checkpoint.
        ImageError: if an image cannot be read, or a SavedModel would read it differently.
        StoreError: if the source is a run and a file of it is missing or damaged.
    """
    if out_dir.exists():
        raise ExportError(f"{out_dir}: already exists. Choose another folder, or remove this one.")
    if any(kind.startswith("onnx") for kind in config.formats):
        check_onnx_installed()
    facts = read_facts(detector_path(source))
    calibration, held_out = _record_frames(source, facts.model, config, records)
    detector = Detector.load(source)
    scores = _run_scores(source)
    by_ap = {kind for kind in config.formats if _is_judged_by_ap(kind, held_out)}
    checks = None if by_ap == set(config.formats) else build_check_set(detector, evaluation=evaluation, images=images)
    job = _Job(detector, config, evaluation, checks, calibration, held_out)
    try:
        with whole_folder(out_dir) as folder:
            names = "".join(f"{name}\n" for name in detector.table.names)
            (folder / CLASS_NAMES).write_text(names, encoding="utf-8")
            write_json(folder / FACTS, facts_to_json(facts))
            files = [job.export(kind, folder) for kind in config.formats]
            card = write_card(detector.facts, files, evaluation, scores)
            (folder / CARD).write_text(card, encoding="utf-8")
    except OSError as error:
        raise ExportError(f"{out_dir}: cannot write the export: {error.strerror or error}.") from error
    return Export(out_dir, tuple(files))


@dataclass(frozen=True, slots=True)
class _Job:
    """What every format is written and judged with."""

    detector: Detector
    config: ExportConfig
    evaluation: EvalConfig
    checks: CheckSet | None
    calibration: RecordFrames | None
    held_out: RecordFrames | None

    def export(self, kind: ExportFormat, folder: Path) -> ExportedFile:
        kept = None
        if kind == "saved_model":
            path = write_saved_model(
                self.detector, folder / kind, config=self.evaluation, class_names_path=folder / CLASS_NAMES
            )
            words = "TensorFlow SavedModel: encoded images in, boxes in their pixels out"
            agreement = _check_saved_model(path, _given(self.checks))
        else:
            form = RAW_FORMATS[kind]
            calibrated = self.calibration if kind in CALIBRATED else None
            words, path = (
                form.words,
                form.write(
                    self.detector.network, folder / form.name, None if calibrated is None else calibrated.images
                ),
            )
            run = open_raw(path)
            if _is_judged_by_ap(kind, self.held_out):
                agreement = None
                kept = self._check_ap(run, form.name, 0 if calibrated is None else len(calibrated.places))
            else:
                checks = _given(self.checks)
                source, exported = (candidates_of(raw, self.detector) for raw in (checks.raw, run(checks.images)))
                agreement = check_candidates(
                    source, exported, tolerance=_given(form.tolerance), min_score=_MIN_SCORE, what=form.name
                )
        size = megabytes(path)
        log.info("export.written file=%s megabytes=%.1f %s", path.name, size, agreement if kept is None else kept)
        return ExportedFile(path.name, words, size, agreement, kept)

    def _check_ap(self, run: RawModel, name: str, calibrated_on: int) -> ApKept:
        kept = compare_ap(
            run,
            self.detector,
            _given(self.held_out),
            evaluation=self.evaluation,
            what=name,
            calibrated_on=calibrated_on,
        )
        return check_kept(kept, max_loss=self.config.max_ap_loss, what=name)


def _given(value: T | None) -> T:
    if value is None:
        raise ValueError("export: a format came without what it is judged by")
    return value


def _is_judged_by_ap(kind: ExportFormat, held_out: RecordFrames | None) -> bool:
    form = RAW_FORMATS.get(kind)
    return form is not None and (form.tolerance is None or (form.by_ap and held_out is not None))


def _record_frames(
    source: Path, model: ModelConfig, config: ExportConfig, records: ExportRecords
) -> tuple[RecordFrames | None, RecordFrames | None]:
    """Return the frames to calibrate on, and those to compare AP on; None where no format asks for them."""
    needed = sorted(CALIBRATED & set(config.formats))
    if not any(RAW_FORMATS[kind].by_ap for kind in config.formats if kind in RAW_FORMATS):
        return None, None
    run = Run.open(source) if (source / SUMMARY).is_file() else None
    train = records.train if records.train is not None or run is None else run.find_records("train")
    val = records.val if records.val is not None or run is None else run.find_records("val")
    if needed and (train is None or val is None):
        missing = "train" if train is None else "val"
        raise ExportError(
            f"{source}: {needed[0]} is calibrated on the run's training records and judged by AP on its validation "
            f"records: the {missing} records are in no store that it knows. Name them with --{missing}-records DIR "
            "(`kittidet records` writes them)."
        )
    calibration = None
    if needed and train is not None:
        calibration = calibration_frames(train, model, count=config.calibration_frames)
    if val is None:
        return None, None
    but = () if calibration is None else calibration.frame_ids
    return calibration, held_out_frames(val, model, at_most=config.check_frames, but=but)


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
