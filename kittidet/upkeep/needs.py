"""Which step outputs finished runs were made from, so that they can be looked into, compared or made again quickly."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kittidet.errors import StoreError
from kittidet.runs.run import SUMMARY, Run
from kittidet.upkeep.holdings import Holding


@dataclass(frozen=True, slots=True)
class Need:
    """What one run was made from.

    Attributes:
        run: the run's name.
        outputs: keys of its step outputs, whole; None in runs of a version that did not write them down.
        digests: of its data, split, records, training and best checkpoint.
        names: of the folders that its configuration's paths lead through, such as that of a frozen split's lists.
    """

    run: str
    outputs: frozenset[str] | None
    digests: frozenset[str]
    names: frozenset[str]


def needs_of_runs(folders: Iterable[Path]) -> list[Need]:
    """Return what each run in some folders of runs needs.

    Raises:
        StoreError: if a folder is not there, or what a run needs cannot be read: nothing can then be said to be free.
    """
    needs = []
    for folder in folders:
        if not folder.is_dir():
            raise StoreError(f"{folder}: no such folder of runs. Name where your runs are with --runs.")
        needs += [_need_of(path.parent) for path in sorted(folder.glob(f"*/{SUMMARY}"))]
    return needs


def runs_that_need(holding: Holding, needs: Sequence[Need], holdings: Sequence[Holding]) -> list[str]:
    """Return the names of the runs that a step output belongs to.

    Args:
        holding: the output, in doubt kept: in runs that do not say which they are made of, what may be of them is.
        needs: of all runs.
        holdings: the whole store, where a run's training names its checkpoints.
    """
    if not holding.is_output:
        return []
    return [need.run for need in needs if _belongs_to(holding, need, holdings)]


def _belongs_to(holding: Holding, need: Need, holdings: Sequence[Holding]) -> bool:
    if holding.name in need.names:
        return True
    if need.outputs is not None:
        return holding.digest in need.outputs or any(holding.name.endswith(f"-{key[:16]}") for key in need.outputs)
    if holding.step == "validate" or not holding.digest:
        # Nothing in a run tells which validation it is; without its manifest, nothing tells of any output.
        return True
    checkpoints = {
        str(checkpoint.get("digest"))
        for other in holdings
        if other.digest in need.digests
        for checkpoint in _dicts(other.summary.get("checkpoints"))
    }
    known = {holding.digest, *(str(holding.summary.get(name)) for name in ("content", "digest", "records_digest"))}
    return bool(known & (need.digests | checkpoints))


def _need_of(folder: Path) -> Need:
    run = Run(folder)
    summary, split = run.summary, run.config.split
    names = frozenset(part for path in (split.train_list, split.val_list) if path is not None for part in path.parts)
    outputs = summary.get("outputs")
    keys = None if outputs is None else frozenset(str(output.get("digest")) for output in _dicts(outputs))
    return Need(folder.name, keys, frozenset(str(digest) for digest in summary["digests"].values()), names)


def _dicts(items: Any) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
