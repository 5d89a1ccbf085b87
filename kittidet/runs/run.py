"""A finished run: the files of its folder, known by name here alone, each read when it is first needed.

Whatever is missing or damaged raises one error that names the file. Judges no number and loads no TensorFlow.
"""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal

from kittidet.classes import ClassTable
from kittidet.config import RunConfig
from kittidet.errors import KittidetError, StoreError
from kittidet.files import digest_file, read_json, read_sealed
from kittidet.kitti.tree import KittiTree, open_tree
from kittidet.runs.data import records_in_stores, tree_in_stores
from kittidet.store_place import local_folder

if TYPE_CHECKING:
    from kittidet.detect.detector import Detector
    from kittidet.eval.coco_format import ResultArray
    from kittidet.frame import Detections, Frame
    from kittidet.kitti.nearness import Nearness

CONFIG, SUMMARY, HISTORY, FINDINGS = "config.json", "summary.json", "history.csv", "findings.csv"
GROUND_TRUTH, PREDICTIONS = "ground_truth.json", "predictions.json"
TRAIN_IDS, VAL_IDS, NEAREST = "train.txt", "val.txt", "nearest.json"
BEST, LAST = "weights/best", "weights/last"
# The first training batches and what is found in a few validation images; curves. Absent in runs of earlier versions.
IMAGES, TENSORBOARD = "images", "tensorboard"
# The run's digest and that of every file above.
IDENTITY = ".run.json"
# What a report adds: pages are report, report-2, ...
REPORT, RESULTS = "report", "results.png"
# The digests of a report's files, in its folder; what `kittidet verify` found, beside the run's files.
REPORT_FILES, CERTIFICATE = ".files.json", "certificate.json"

_ADVICE = "Expected a run folder as publishing makes it, such as runs/kitti-finetune: name one, or publish it again"
_SUMMARY_TYPES: Mapping[type | UnionType, tuple[str, ...]] = {
    int | float: ("ap", "ap50", "ap75", "best_step", "best_epoch", "n_train", "n_val", "n_set_aside"),
    str: ("variant", "split"),
    list: ("classes", "checkpoints", "input_hw"),
    dict: ("per_class_ap", "per_class_ap50", "counts", "digests"),
    dict | None: ("leakage",),
}


class Run:
    """A finished run, read from its folder; `Run.open` checks that there is one.

    Every property below reads its file once and raises `StoreError`, naming the file, where that is missing, is not the
    one that was published, or does not fit the others.

    Args:
        path: the folder, ``runs/<name>``.
        tree: the data the run was scored on, where it is at hand: `frames` then have their images and full label rows.

    Attributes:
        path: the folder.
        has_images: whether the data is at hand.
    """

    def __init__(self, path: Path, *, tree: KittiTree | None = None) -> None:
        self.path = path
        self._tree = tree
        self.has_images = tree is not None

    @classmethod
    def open(cls, path: Path | str, *, tree: KittiTree | None = None) -> "Run":
        """Return the run in a folder.

        Args:
            path: the folder that publishing made, such as ``runs/kitti-finetune``.
            tree: the data the run was scored on; `find_tree` looks for it.

        Raises:
            StoreError: if there is no such folder.
        """
        if not Path(path).is_dir():
            raise StoreError(f"{path}: no such folder. {_ADVICE}.")
        # The name of a run is that of its folder, which "." does not tell.
        return cls(Path(path) if Path(path).name else Path(path).absolute(), tree=tree)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @cached_property
    def config(self) -> RunConfig:
        """The configuration the run was made with, paths absolute as they were then."""
        with self._reading(CONFIG) as path:
            return RunConfig.model_validate(_json(path))

    @cached_property
    def summary(self) -> dict[str, Any]:
        """The scores of the best checkpoint, counts, digests and versions: the content of ``summary.json``."""
        with self._reading(SUMMARY) as path:
            # Runs of an earlier version have another name for the input size.
            summary = {"input_hw" if k == "canvas_hw" else k: v for k, v in _json(path).items()}
            for row in summary["checkpoints"]:
                # Nor had they averages.
                row.setdefault("average_of", [])
                row.setdefault("best", row["step"] == summary["best_step"])
            for kind, names in _SUMMARY_TYPES.items():
                for name in names:
                    if not isinstance(summary[name], kind):
                        raise TypeError(f"{name} is {summary[name]!r}")
            return summary

    @cached_property
    def table(self) -> ClassTable:
        """The detector's classes."""
        table = self.config.records.table()
        with self._reading(SUMMARY):
            if list(table.names) != self.summary["classes"]:
                raise ValueError(f"classes {self.summary['classes']}, where {CONFIG} has {list(table.names)}")
        return table

    @cached_property
    def history(self) -> Mapping[str, Sequence[float]]:
        """The training by epoch: column of ``history.csv`` -> one number per row, NaN where a cell is empty."""
        with self._reading(HISTORY) as path, path.open(encoding="utf-8", newline="") as stream:
            header, *rows = [row for row in csv.reader(stream) if row] or [[]]
            columns = zip(*rows, strict=True) if rows else [()] * len(header)
            return {
                name: [float(cell) if cell else math.nan for cell in cells]
                for name, cells in zip(header, columns, strict=True)
            }

    @cached_property
    def ground_truth(self) -> dict[str, Any]:
        """The labels of the validation frames as a COCO data set, boxes in pixels of the original images."""
        from kittidet.runs.frames import check_ground_truth

        with self._reading(GROUND_TRUTH) as path:
            return check_ground_truth(_json(path))

    @cached_property
    def results(self) -> "ResultArray":
        """The best checkpoint's detections ``[n, 7]``, rows as ``eval.coco_format.result_rows`` makes them."""
        from kittidet.eval.coco_format import rows_from_results
        from kittidet.runs.frames import check_results

        with self._reading(PREDICTIONS) as path:
            rows = rows_from_results(_json(path), where="COCO results")
            return check_results(rows, self.ground_truth)

    @cached_property
    def frames(self) -> "tuple[Frame, ...]":
        """The validation frames: full label rows where the data is at hand, else boxes and classes alone.

        Raises:
            DatasetContractError: if the data lacks a frame of the run, or has other labels than it was scored on.
        """
        from kittidet.runs.frames import labelled_frames, with_labels

        with self._reading(GROUND_TRUTH):
            frames = labelled_frames(self.ground_truth, self.table)
        return frames if self._tree is None else with_labels(frames, self._tree, self.table)

    @cached_property
    def detections(self) -> "tuple[Detections, ...]":
        """The best checkpoint's detections: one record a frame, the best first, pixels of the original image."""
        from kittidet.runs.frames import frame_detections

        return frame_detections(self.results, self.ground_truth)

    @property
    def is_synthetic(self) -> bool:
        """Whether the run was trained and scored on synthetic scenes; runs of earlier versions know their source."""
        if "synthetic" in self.summary:
            return bool(self.summary["synthetic"])
        return self.config.source.kind == "synthetic"

    @property
    def data_kind(self) -> str:
        """``source.kind`` of its data; ``synthetic`` also for a folder of such scenes."""
        return "synthetic" if self.is_synthetic else self.config.source.kind

    @cached_property
    def nearness(self) -> "Nearness | None":
        """How near each validation frame is to a training frame; None in runs of a version that did not measure it."""
        if not (self.path / NEAREST).is_file():
            return None
        from kittidet.kitti.nearness import Nearness

        with self._reading(NEAREST) as path:
            return Nearness.from_json(_json(path))

    @property
    def best_checkpoint(self) -> Path:
        """The folder of the checkpoint with the best AP."""
        path = self.path / BEST
        if not path.is_dir():
            raise StoreError(f"{path}: no such folder. {_ADVICE}.")
        return path

    def detector(self) -> "Detector":
        """Return the detector with the best AP, ready to `predict`; loads TensorFlow.

        Raises:
            StoreError: if the run has no checkpoint, or not the one that was published.
            CheckpointMismatchError: if it cannot be loaded.
        """
        from kittidet.detect.detector import Detector

        for name in self._published:
            if name.startswith(f"{BEST}/"):
                with self._reading(name):
                    pass
        return Detector.load(self.best_checkpoint)

    def find_tree(self, data: Path | None = None) -> KittiTree | None:
        """Return the data the run was made from, or None where it is gone; nothing is fetched or rendered again.

        Args:
            data: where it is, if the caller knows; else the run's store is searched.

        Raises:
            DatasetContractError: if ``data`` is no KITTI tree.
            StoreError: if the store has a damaged note of a data set.
        """
        if data is not None:
            return open_tree(data)
        with self._reading(SUMMARY):
            content = self.summary["digests"]["data"]
        return tree_in_stores(self._stores, content)

    def find_records(self, side: Literal["train", "val"]) -> Path | None:
        """Return the folder of the records it was trained or scored on, or None where they are gone.

        Raises:
            RecordError: if records in its store are incomplete.
        """
        with self._reading(SUMMARY):
            # Runs of an earlier version do not know them.
            digest = self.summary["digests"].get(f"{side}_records")
        return None if digest is None else records_in_stores(self._stores, side, digest)

    @property
    def _stores(self) -> list[Path]:
        """Where its store was from the run's folder, for both may have been moved together; then on the disk."""
        with self._reading(SUMMARY):
            beside = [self.path / self.summary["store"]] if "store" in self.summary else []
        return [*beside, local_folder(self.config.store_dir)]

    def holds(self, digest: str) -> bool:
        """Return whether this is the run of a digest, with every published file still as it was."""
        try:
            with self._reading(IDENTITY) as path:
                identity = _json(path)
                return identity["digest"] == digest and all(
                    digest_file(self.path / name) == expected for name, expected in identity["files"].items()
                )
        except StoreError:
            # Not one of ours, or half deleted by its owner.
            return False

    @cached_property
    def _published(self) -> Mapping[str, str]:
        """The digest of each published file; none of a run of an earlier version."""
        files: Mapping[str, str] = (read_sealed(self.path / IDENTITY) or {}).get("files", {})
        return files

    def _check_published(self, name: str) -> None:
        expected = self._published.get(name)
        if expected is not None and (found := digest_file(self.path / name)) != expected:
            raise StoreError(
                f"{self.path / name}: changed since it was published: expected sha256 {expected}, found {found}."
            )

    @contextmanager
    def _reading(self, name: str) -> Iterator[Path]:
        """Yield a file's path; any error that the file causes inside the block becomes a ``StoreError``."""
        path = self.path / name
        try:
            self._check_published(name)
            yield path
        except StoreError:
            raise
        except OSError as error:
            raise StoreError(f"{path}: cannot read it: {error.strerror or error}. {_ADVICE}.") from error
        except (KittidetError, ValueError, OverflowError, LookupError, TypeError, AttributeError, csv.Error) as error:
            raise StoreError(f"{path}: wrong content ({type(error).__name__}: {error}). {_ADVICE}.") from error


def is_trained_on_synthetic(model: Path) -> bool:
    """Return whether a run folder, or a checkpoint in one, is of synthetic scenes; False where there is no run."""
    path = model.absolute()
    # A checkpoint is weights/best in its run.
    found = next((Run(folder) for folder in (path, *path.parents[:3]) if (folder / SUMMARY).is_file()), None)
    return found is not None and found.is_synthetic


def _json(path: Path) -> Any:
    return read_json(path, error=StoreError, advice=f"{_ADVICE}.")
