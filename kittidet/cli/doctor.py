"""``kittidet doctor``: checks that everything a run needs is there, and says what to do if not."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kittidet.cli import operations
from kittidet.cli.options import named_place
from kittidet.errors import KittidetError
from kittidet.machine import usable_cores
from kittidet.store_place import local_folder

# The official image archive (12 GB according to KITTI's download page), its training half unpacked, and room to train.
FULL_KITTI_BYTES = 20 * 10**9


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the result.

    Attributes:
        subject: what was checked.
        ok: whether a run can work with it; None if it is only for information.
        found: what was found.
        advice: the next step, empty if none is needed.
    """

    subject: str
    ok: bool | None
    found: str
    advice: str = ""


def doctor(
    store: Annotated[str, typer.Option("--store", help="Where step outputs will be written.")] = "store",
    deep: Annotated[
        bool, typer.Option("--deep", help="Also read every byte of every step output; minutes for all of KITTI.")
    ] = False,
) -> None:
    """Check Python, packages, disk, memory and accelerators; exit 1 if a run cannot work."""
    place = named_place(store)
    folder = local_folder(place)
    findings = [examine_kittidet(), examine_python(), *examine_packages(), examine_disk(folder), examine_memory()]
    findings += [examine_object_store(place)] if isinstance(place, str) else []
    findings += [examine_cores(), examine_accelerators(), examine_start_weights(), *examine_operations()]
    if deep:
        findings += examine_outputs(folder)
    table = Table("", "what")
    for title in ("found", "next step"):
        table.add_column(title, overflow="fold")  # addresses and paths are to be copied
    for finding in findings:
        mark = "·" if finding.ok is None else "[green]ok[/green]" if finding.ok else "[red]no[/red]"
        table.add_row(mark, escape(finding.subject), escape(finding.found), escape(finding.advice))
    Console().print(table)
    if any(f.ok is False for f in findings):
        raise typer.Exit(1)


def examine_kittidet() -> Finding:
    """Return the version of this program."""
    return Finding("kittidet", ok=True, found=version("kittidet"))


def examine_cores() -> Finding:
    """Return how many processor cores a run may use."""
    return Finding("cores", None, str(usable_cores()))


def examine_start_weights(variant: str = "d0") -> Finding:
    """Return whether the published weights that the default preset starts from are in the user's cache."""
    from kittidet.model.published import archive_url, pretrained_folder

    folder, url = pretrained_folder(variant), archive_url(variant)
    others = sorted(p.name for p in folder.parent.glob("efficientdet-*") if p.is_dir() and p != folder)
    if folder.is_dir():
        return Finding("start weights", ok=True, found=", ".join([str(folder), *others]))
    archive = folder.parent / url.rsplit("/", 1)[-1]
    found = f"{variant} not in the cache" + (f", which has {', '.join(others)}" if others else "")
    advice = f"The first run fetches them. Without a network put {url} at {archive}."
    return Finding("start weights", None, found, advice)


def examine_python() -> Finding:
    """Return whether this Python is new enough."""
    ok = sys.version_info >= (3, 11)
    return Finding("Python", ok, platform.python_version(), "" if ok else "Install Python 3.11 or newer.")


def examine_packages() -> Iterator[Finding]:
    """Yield one finding per required package: whether it is installed in a tested version."""
    from packaging.requirements import Requirement

    for text in requires("kittidet") or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield Finding(requirement.name, ok=False, found="not installed", advice=f"pip install '{requirement}'")
            continue
        ok = requirement.specifier.contains(found, prereleases=True)
        yield Finding(requirement.name, ok, found, "" if ok else f"pip install '{requirement}'")


def examine_disk(store: Path) -> Finding:
    """Return whether the store's disk is writable and has room for all of KITTI."""
    folder = store.absolute()
    while not folder.exists():
        folder = folder.parent
    if not os.access(folder, os.W_OK):
        return Finding("store", ok=False, found=f"{folder} is read-only", advice="Set store_dir to a writable folder.")
    free = shutil.disk_usage(folder).free
    ok = None if free < FULL_KITTI_BYTES else True
    advice = f"All of KITTI needs about {FULL_KITTI_BYTES / 1e9:.0f} GB." if ok is None else ""
    return Finding("disk for the store", ok, f"{free / 1e9:.0f} GB free", advice)


def examine_object_store(url: str) -> Finding:
    """Return whether a store on a URL can be reached, written to, and minds conditions."""
    from kittidet.object_store import ObjectStore

    try:
        ObjectStore(url).probe()
    except KittidetError as error:
        return Finding("object store", ok=False, found=url, advice=str(error))
    return Finding("object store", ok=True, found=f"{url}, cached in {local_folder(url)}")


def examine_outputs(store: Path) -> Iterator[Finding]:
    """Yield one finding per damaged step output of a store, and one that counts the undamaged ones.

    A run hashes large files only where it reads them, so bits lost in the others go unnoticed until then.
    """
    from kittidet.store import Store

    whole = 0
    for folder, problems in Store(store).examine():
        if problems:
            found = problems[0] if len(problems) == 1 else f"{problems[0]} and {len(problems) - 1} more"
            yield Finding(folder.name, ok=False, found=found, advice=f"Delete {folder}; the next run makes it again.")
        else:
            whole += 1
    yield Finding("step outputs", None if whole == 0 else True, f"{whole} undamaged in {store.absolute()}")


def examine_memory() -> Finding:
    """Return how much memory the machine has."""
    import psutil

    total = psutil.virtual_memory().total
    ok = total > 4 * 2**30
    return Finding("memory", ok, f"{total / 2**30:.0f} GiB", "" if ok else "Training needs about 4 GiB.")


def examine_accelerators() -> Finding:
    """Return what TensorFlow can train on, asked in a separate process so that a broken driver does no harm."""
    code = "import tensorflow as tf; print(len(tf.config.list_physical_devices('GPU')))"
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        return Finding("TensorFlow", ok=False, found=last[0], advice="Reinstall tensorflow.")
    gpus = int(done.stdout.split()[-1])
    if gpus:
        return Finding("GPU", ok=True, found=f"{gpus} visible to TensorFlow")
    advice = "Fine for `kittidet demo`; for KITTI install the gpu extra: pip install 'kittidet[gpu]'."
    return Finding("GPU", None, "none visible to TensorFlow", advice)


def examine_operations() -> list[Finding]:
    """Return which parts of the local Prefect setup are running, or one line if Prefect's part is not installed."""
    try:
        check = operations.load_operation("doctor")
    except KittidetError as error:
        return [Finding("Prefect", None, "not installed", str(error))]
    found: list[Finding] = check()
    return found
