"""From a run folder into the registry and back: a version holds the run's own files, and leaves with them.

Files go in first, each under its sha256, the version last: a registration that is killed leaves no half version.
"""

import hashlib
import re
from pathlib import Path

from kittidet.errors import RegistryError, StoreError
from kittidet.eval.interval import ap_intervals
from kittidet.eval.matches import match_detections
from kittidet.files import digest_of, digest_path, read_json, whole_folder
from kittidet.registry.records import Lineage, Metric, ModelVersion
from kittidet.registry.registry import Registry
from kittidet.runs.run import BEST, IDENTITY, LAST, Run
from kittidet.runs.settings import deciding_settings

# The file of a version with the profile of its training data (`retraining.profile`).
PROFILE = "profile.json"
# A version is read long after its run: to a hundredth of AP, in seconds.
_DRAWS, _CONFIDENCE = 200, 0.95


def register(
    registry: Registry, run: Run, *, model: str | None = None, config: str | None = None, profile: Path | None = None
) -> ModelVersion:
    """Return the version of a run; the one there is where the run was registered before.

    Its parent is the version of the same model whose checkpoint training started from.

    Args:
        registry: where to.
        run: a published run.
        model: name of the model; None: the run's own name.
        config: digest of the settings that were asked for, where the run was made with others to compare it; None:
            that of the run's own.
        profile: of its training data (`retraining.profile`), kept as ``profile.json``.

    Raises:
        StoreError: if a file of the run is missing or damaged.
        RegistryError: if the registry cannot be written.
    """
    name = run.config.name if model is None else model
    identity = read_json(
        run.path / IDENTITY, error=StoreError, advice="Expected a published run folder, such as runs/kitti-finetune."
    )
    digest = identity["digest"]
    known = registry.versions(name)
    for version in known:
        if version.run_digest == digest:
            return version
    kept = {file: sha256 for file, sha256 in identity["files"].items() if not file.startswith(f"{LAST}/")}
    for file, sha256 in kept.items():
        _store(registry, run.path / file, sha256)
    if profile is not None:
        kept[PROFILE] = _store(registry, profile)

    summary = run.summary
    metrics, per_class_ap = scores_of(run)
    start = run.config.train.initial_weights
    parent = _version_of(known, start) if isinstance(start, Path) else None
    named: dict[str | None, str] = {
        None: "random weights",
        "coco": "the published COCO weights",
        "starter": "the bundled starter weights",
    }
    digests = summary["digests"]

    def make(number: int) -> ModelVersion:
        return ModelVersion(
            model=name,
            version=number,
            run_digest=digest,
            run_path=str(run.path.absolute()),
            checkpoint=digests["checkpoint"],
            parent=parent,
            lineage=Lineage(
                data=digests["data"],
                split=digests["split"],
                train_records=digests.get("train_records"),
                val_records=digests.get("val_records"),
                config=digest_of(deciding_settings(run.config)) if config is None else config,
                code=digests.get("code"),
                commit=summary.get("environment", {}).get("commit", "not known"),
                started_from=named.get(None if start is None else str(start), str(start))
                if parent is None
                else f"version {parent}",
            ),
            metrics=metrics,
            per_class_ap=per_class_ap,
            confidence=_CONFIDENCE,
            n_train=summary["n_train"],
            n_val=summary["n_val"],
            variant=summary["variant"],
            input_hw=tuple(summary["input_hw"]),
            is_synthetic=run.is_synthetic,
            files=kept,
        )

    return registry.add(name, make)


def scores_of(run: Run) -> tuple[dict[str, Metric], dict[str, Metric]]:
    """Return a run's ``ap``, ``ap50`` and ``ap75``, and its AP by class name, each with its interval.

    Raises:
        StoreError: if a file of the run is missing or damaged.
    """
    matches = match_detections(run.ground_truth, run.results)
    intervals = ap_intervals(matches, resamples=_DRAWS, confidence=_CONFIDENCE, seed=0)
    metrics = {name: _metric(run.summary[name], getattr(intervals, name)) for name in ("ap", "ap50", "ap75")}
    classes = run.summary["per_class_ap"].items()
    return metrics, {name: _metric(value, intervals.per_class_ap.get(name)) for name, value in classes}


def pull(registry: Registry, version: ModelVersion, out: Path) -> Path:
    """Return a new folder with a version's files: a run folder, without the last checkpoint.

    Raises:
        RegistryError: if the folder is there, or a file is missing or damaged in the registry.
    """
    if out.exists():
        raise RegistryError(f"{out}: is there already. Name a new folder with --out, or remove it.")
    try:
        with whole_folder(out) as folder:
            for name, sha256 in version.files.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(read_file(registry, version, name, sha256))
    except OSError as error:
        raise RegistryError(f"{error.filename or out}: cannot be written: {error.strerror or error}.") from error
    return out


def checkpoint_of(registry: Registry, version: ModelVersion) -> Path:
    """Return a folder with a version's best checkpoint, its digest checked: pulled once, beside the registry.

    Raises:
        RegistryError: if a file is missing or damaged in the registry.
    """
    folder = registry.folder / "pulled" / f"{version.model}-{version.version}-{version.checkpoint[:16]}"
    if not folder.exists():
        pull(registry, version, folder)
    if digest_path(folder / BEST) != version.checkpoint:
        raise RegistryError(f"{folder / BEST}: changed since it was pulled. Remove {folder}; it is pulled again.")
    return folder / BEST


def pulled_here(registry: Registry, checkpoint: Path) -> Path:
    """Return a checkpoint, pulled on this machine where `checkpoint_of` gave its path on another one.

    Raises:
        RegistryError: if that version is missing or damaged in the registry.
    """
    known = re.search(rf"/pulled/([^/]+)-(\d+)-[0-9a-f]{{16}}/{BEST}$", checkpoint.as_posix())
    if checkpoint.exists() or known is None:
        return checkpoint
    return checkpoint_of(registry, registry.version(known[1], int(known[2])))


def read_file(registry: Registry, version: ModelVersion, name: str, sha256: str | None = None) -> bytes:
    """Return one file of a version, its digest checked.

    Raises:
        RegistryError: if the version has none of this name, or it is missing or damaged in the registry.
    """
    sha256 = version.files.get(name) if sha256 is None else sha256
    if sha256 is None:
        raise RegistryError(f"{version.model} version {version.version} has no file {name}.")
    content = registry.objects.read(_key(sha256))
    if hashlib.sha256(content).hexdigest() != sha256:
        raise RegistryError(
            f"{registry.objects.root}/{_key(sha256)}: changed since it was registered ({name} of "
            f"{version.model} version {version.version}). Restore it, or register the run {version.run_path} again."
        )
    return content


def _store(registry: Registry, file: Path, expected: str | None = None) -> str:
    """Return the sha256 of a file that the registry then holds."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise StoreError(f"{file}: cannot read it: {error.strerror or error}. Publish the run again.") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if expected not in {None, sha256}:
        raise StoreError(f"{file}: changed since it was published. Publish the run again, then register that.")
    if not registry.objects.has(_key(sha256)):
        registry.objects.create(_key(sha256), content)
    return sha256


def _version_of(versions: list[ModelVersion], checkpoint: Path) -> int | None:
    if not checkpoint.exists():
        return None
    digest = digest_path(checkpoint)
    return next((v.version for v in reversed(versions) if v.checkpoint == digest), None)


def _metric(value: float | None, interval: tuple[float, float] | None) -> Metric:
    return Metric(value=value) if interval is None else Metric(value=value, low=interval[0], high=interval[1])


def _key(sha256: str) -> str:
    return f"files/{sha256}"
