"""The data a finished run was made from: named by the caller, or found again in the run's store."""

import json
from pathlib import Path
from typing import Any

from kittidet.config import RunConfig
from kittidet.errors import StoreError


def find_tree(run: Path, data: Path | None) -> Any:
    """Return the ``KittiTree`` of a run, or None where its data is gone; nothing is fetched or drawn again.

    Args:
        run: the run's folder.
        data: the tree, where the caller knows it.

    Raises:
        StoreError: if the run has no readable configuration, or its store a damaged note.
        DatasetContractError: if ``data`` is no KITTI tree.
    """
    from kittidet.kitti.tree import is_tree, open_tree  # noqa: PLC0415

    if data is not None:
        return open_tree(data)
    try:
        config = RunConfig.model_validate(json.loads((run / "config.json").read_text(encoding="utf-8")))
        summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
        content = summary["digests"]["data"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{run}: not a finished run ({error}). Name its folder, for example runs/demo.") from error
    # Where it was from the run's folder, for both may have been moved together; else where it was on the disk.
    stores = [run / summary["store"], config.store_dir] if "store" in summary else [config.store_dir]
    # The store's own note of where a data set lies; its digest, not its name, says that it is this run's.
    for note in (note for store in stores for note in sorted(store.glob("fetch-*/dataset.json"))):
        try:
            facts = json.loads(note.read_text(encoding="utf-8"))
            root, is_this = note.parent / facts["root"], facts["content"] == content
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{note}: cannot be read ({type(error).__name__}: {error}). Remove {note.parent}, which can be made "
                "again, or name the data with --data."
            ) from error
        if is_this and is_tree(root):
            return open_tree(root)
    return None
