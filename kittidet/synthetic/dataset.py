"""A synthetic data set on disk: KITTI's layout, its mapping and its archives, complete or absent."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from kittidet.errors import DatasetContractError
from kittidet.files import locked, read_json, remove_partials, whole_file, whole_folder, write_json
from kittidet.kitti.labels import format_label_line
from kittidet.kitti.tree import KittiTree
from kittidet.progress import FileProgress
from kittidet.synthetic import SYNTH_VERSION
from kittidet.synthetic.picture import encode_png
from kittidet.synthetic.plan import DATES, SIZES_WH, plan_set
from kittidet.synthetic.render import draw_frame

RECIPE = "synth.json"
# What each official archive holds, relative to the root of the set and to the archive.
ARCHIVES = {
    "data_object_image_2.zip": ("training/image_2", "training/image_2", ZIP_STORED),
    "data_object_label_2.zip": ("training/label_2", "training/label_2", ZIP_DEFLATED),
    "devkit_object.zip": ("devkit/mapping", "mapping", ZIP_DEFLATED),
}
_ALONE = 16  # sets of up to this many frames are rendered in the calling process

Sizes = tuple[tuple[int, int], ...]
_Job = tuple[Path, int, int, int, tuple[int, int] | None]


def render_dataset(
    out_dir: Path,
    *,
    frames: int,
    seed: int,
    zips: bool = True,
    sizes: Sequence[tuple[int, int]] | None = None,
    workers: int | None = None,
    progress: FileProgress | None = None,
) -> Path:
    """Render a KITTI-shaped data set and return its root; a finished one of the same recipe is left as it is.

    The root holds ``training/image_2``, ``training/label_2``, ``devkit/mapping``, the recipe and, if requested,
    the archives. Frames and seed (and sizes) determine every pixel and label, whatever the number of workers.

    Args:
        out_dir: the root; must not exist, be empty, or hold a set of the same recipe.
        frames: how many images.
        seed: different seeds have no drive in common.
        zips: also pack the three archives under their official names.
        sizes: width and height per image; by default KITTI's four sizes at KITTI's shares, one per drive.
        workers: processes; one per processor by default, and none but this for small sets.
        progress: called with ``"synthetic"``, frames done, total frames.

    Raises:
        ValueError: if there are no frames, or not one size per frame.
        DatasetContractError: if the folder holds something else.
    """
    if frames < 1 or seed < 0:
        raise ValueError(f"expected frames >= 1 and seed >= 0, got frames={frames}, seed={seed}")
    if sizes is not None and len(sizes) != frames:
        raise ValueError(f"expected one size per frame, got {len(sizes)} sizes for {frames} frames")
    out_dir = Path(out_dir).absolute()
    fixed: Sizes | None = None if sizes is None else tuple((int(w), int(h)) for w, h in sizes)
    recipe = {
        "version": SYNTH_VERSION,
        "frames": frames,
        "seed": seed,
        "sizes": None if fixed is None else [list(size) for size in fixed],
    }
    with locked(out_dir.with_name(f".{out_dir.name}.lock"), waiting_for=str(out_dir), keep=False):
        remove_partials(out_dir.parent, out_dir.name)
        if not _is_finished(out_dir, recipe):
            with whole_folder(out_dir) as partial:
                _draw_all(partial, recipe, fixed, workers, progress)
                _write_mapping(partial / "devkit" / "mapping", frames, seed)
                write_json(partial / RECIPE, recipe)
                if zips:
                    _pack(partial)
        elif zips:
            _pack(out_dir)
    return out_dir


def is_synthetic(tree: KittiTree) -> bool:
    """Return whether a tree holds synthetic scenes: by its recipe, or by its drives, dated ten years before KITTI's."""
    if any((folder / RECIPE).is_file() for folder in tree.places):
        return True
    return any(drive.startswith(DATES) for drive in tree.drive_of().values())


def _is_finished(out_dir: Path, recipe: dict[str, Any]) -> bool:
    if not out_dir.exists() or (out_dir.is_dir() and not any(out_dir.iterdir())):
        return False
    path = out_dir / RECIPE
    if not path.is_file():
        raise DatasetContractError(
            f"{out_dir}: expected no folder, or synthetic data with its {RECIPE}, got other files. Name another folder."
        )
    found = read_json(path, error=DatasetContractError, advice=f"Delete {out_dir} to make it again.")
    if found != recipe:
        asked = {key: value for key, value in recipe.items() if key != "sizes"}
        has = {key: value for key, value in found.items() if key != "sizes"} if isinstance(found, dict) else found
        raise DatasetContractError(
            f"{out_dir}: expected the recipe {asked}, got {has}{'' if asked != has else ' with other sizes'}. "
            "Name another folder, or delete this one."
        )
    for folder, suffix in (("image_2", "png"), ("label_2", "txt")):
        count = sum(1 for _ in (out_dir / "training" / folder).glob(f"*.{suffix}"))
        if count != recipe["frames"]:
            raise DatasetContractError(
                f"{out_dir}/training/{folder}: expected {recipe['frames']} files, got {count}. "
                f"Delete {out_dir} to make it again."
            )
    return True


def _draw_all(
    root: Path, recipe: dict[str, Any], sizes: Sizes | None, workers: int | None, progress: FileProgress | None
) -> None:
    frames, seed = int(recipe["frames"]), int(recipe["seed"])
    for folder in ("image_2", "label_2"):
        (root / "training" / folder).mkdir(parents=True)
    of_image: Sequence[tuple[int, int] | None] = [None] * frames if sizes is None else sizes
    # In drive order: neighbouring frames share the bodies built for them.
    order = plan_set(frames, seed).order
    images = sorted(range(frames), key=lambda image: order[image])
    jobs = [(root / "training", frames, seed, image, of_image[image]) for image in images]
    for done, _ in enumerate(_run(jobs, workers), start=1):
        if progress is not None:
            progress("synthetic", done, frames)


def _run(jobs: list[_Job], workers: int | None) -> Iterator[None]:
    count = min(len(jobs), os.cpu_count() or 1 if workers is None else workers)
    # A daemon process may have no children; and a small set is finished before a child has started.
    if count <= 1 or (workers is None and len(jobs) <= _ALONE) or multiprocessing.current_process().daemon:
        yield from map(_draw_one, jobs)
        return
    with ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_draw_one, jobs, chunksize=8)


def _draw_one(job: _Job) -> None:
    training_dir, frames, seed, image, size_wh = job
    drive, frame = plan_set(frames, seed).locate(image)
    drawing = draw_frame(drive, frame, size_wh or SIZES_WH[drive.size_index])
    (training_dir / "image_2" / f"{image:06d}.png").write_bytes(encode_png(drawing.image))
    lines = "".join(f"{format_label_line(label)}\n" for label in drawing.objects)
    (training_dir / "label_2" / f"{image:06d}.txt").write_text(lines, encoding="ascii", newline="\n")


def _write_mapping(folder: Path, frames: int, seed: int) -> None:
    plan = plan_set(frames, seed)
    lines = [
        f"{drive.date} {drive.name} {drive.frame_number(frame):010d}\n"
        for drive in plan.drives
        for frame in range(drive.frames)
    ]
    folder.mkdir(parents=True)
    (folder / "train_mapping.txt").write_text("".join(lines), encoding="ascii", newline="\n")
    order = ",".join(str(line + 1) for line in plan.order)
    (folder / "train_rand.txt").write_text(order + "\n", encoding="ascii", newline="\n")


def _pack(root: Path) -> None:
    remove_partials(root)
    for name, (folder, inside, method) in ARCHIVES.items():
        if (root / name).is_file():
            continue
        with whole_file(root / name) as partial, ZipFile(partial, "w") as archive:
            for path in sorted((root / folder).iterdir()):
                # A fixed date, so that equal sets have equal archives.
                entry = ZipInfo(f"{inside}/{path.name}", date_time=(2001, 9, 26, 0, 0, 0))
                entry.compress_type, entry.external_attr = method, 0o644 << 16
                archive.writestr(entry, path.read_bytes())
