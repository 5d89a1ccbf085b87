"""Every byte of a run against the digests of the day it was written: its folder, its reports, its store, its data."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from kittidet.errors import StoreError
from kittidet.files import digest_file, digest_of, read_json, read_sealed
from kittidet.kitti.inventory import digest_files
from kittidet.kitti.tree import KittiTree, open_tree
from kittidet.runs.run import IDENTITY, REPORT, REPORT_FILES, RESULTS, Run
from kittidet.runs.verify.check import Check
from kittidet.store import StepKey, Store

# What the fetch step notes of the data: file -> sha256.
INVENTORY = "inventory.json"
_CACHE = ".inventory.json"


def check_published(run: Run) -> Check:
    """Return whether every file that was published is as it was."""
    what, file = "published files", run.path / IDENTITY
    identity = read_sealed(file, exact=True)
    note = ""
    if identity is None:
        identity = read_json(file, error=StoreError, advice="Expected a published run; publish it again.")
        if not isinstance(identity, dict) or set(identity) != {"digest", "files"}:
            return Check(what, 0, (f"{file}: changed since it was written: its seal does not fit",))
        note = "their list has no seal: of an earlier version"
    return Check(what, len(identity["files"]) + 1, tuple(_differing(run.path, identity["files"])), note)


def check_reports(run: Run) -> Check:
    """Return whether the run's reports, and the sheet of curves beside them, are as they were written."""
    count, problems, sheets = 0, [], set()
    # Reports of an earlier version have no list of their files.
    for listed in sorted(run.path.glob(f"{REPORT}*/{REPORT_FILES}")):
        files = (read_sealed(listed, exact=True) or {}).get("files")
        if files is None:
            problems.append(f"{listed}: changed since it was written: its seal does not fit")
            continue
        count += len(files) + 1
        problems += _differing(listed.parent, files)
        sheets.add(files.get(RESULTS))
    sheet = run.path / RESULTS
    if sheets and sheet.is_file():
        count += 1
        if digest_file(sheet) not in sheets:
            problems.append(f"{sheet}: changed since it was written: not that of a report beside it")
    return Check("reports", count, tuple(problems), "" if count else "there is none, or it is of an earlier version")


def check_outputs(store: Store, keys: Sequence[StepKey], *, quick: bool) -> Iterator[Check]:
    """Yield for each step output that the run was made from whether it is as its step left it.

    Args:
        store: where they are.
        keys: of the outputs.
        quick: take large files as unchanged whose size and time are.
    """
    for key in keys:
        what = f"step {key.step} {key.digest[:8]}"
        store.bring(key)
        # Without its digests it may be damaged; without its folder it was removed, which changes nothing.
        if not store.path(key).is_dir():
            yield Check(what, 0, (), f"no longer in {store.place}")
            continue
        # The files of the data set are compared by their inventory.
        problems = store.problems(key, thorough=not quick and key.step != "fetch")
        # The manifest is a file too.
        yield Check(what, len(store.digests(key) or ()) + 1, tuple(problems))


def check_data(tree: KittiTree, content: str, store: Store, fetched: StepKey | None, *, quick: bool) -> Check:
    """Return whether the images, labels and mapping are those that the run was made from.

    Args:
        tree: the data set.
        content: its digest when it was fetched.
        store: what it knows of the data names the file that changed.
        fetched: the output of the fetch step.
        quick: take files as unchanged whose size, inode and times are those of the last look at them.
    """
    opened = open_tree(tree.root, stat_cache=store.root / _CACHE if quick else None)
    found = opened.inventory()
    if digest_of(found) == content:
        return Check("data", len(found))
    noted = None if fetched is None else store.path(fetched) / INVENTORY
    if noted is None or not noted.is_file():
        return Check("data", len(found), (f"{tree.root}: expected content {content}, found {digest_of(found)}",))
    advice = "Fetch the data again."
    expected = read_json(noted, error=StoreError, advice=advice)
    if digest_of(expected) != content:
        return Check("data", len(found), (f"{noted}: changed since it was written",))
    return Check("data", len(found), tuple(_between(opened.root, expected, found)))


def _differing(folder: Path, expected: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with the files of a folder."""
    present = {name: folder / name for name in expected if (folder / name).is_file()}
    yield from _between(folder, expected, digest_files(present, stat_cache=None))


def _between(folder: Path, expected: Mapping[str, str], found: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*expected, *found}):
        if expected.get(name) != found.get(name):
            digests = f"expected {_sha(expected, name)}, found {_sha(found, name)}"
            yield f"{folder / name}: changed since it was written: {digests}"


def _sha(digests: Mapping[str, str], name: str) -> str:
    return f"sha256 {digests[name]}" if name in digests else "no file"
