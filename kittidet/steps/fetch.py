"""Step 1, fetch: the official archives, a local folder, or synthetic data become one verified KITTI tree.

Archives, official or in a local folder, and synthetic data become files in the step's own folder. A local tree stays
where it is: the output only records the place, and later steps are keyed by the digest of its content, so the same data
in another place finds their results.
"""

from pathlib import Path
from typing import Any

from kittidet.config import SourceConfig
from kittidet.errors import ConfigError, DatasetContractError
from kittidet.files import write_json
from kittidet.kitti.archive import digest_archives, fetch_official, has_archives, unpack_archives
from kittidet.kitti.tree import KittiTree, open_tree
from kittidet.progress import FileProgress
from kittidet.store import StepKey, StepOutput, Store, step_key
from kittidet.synthetic import SYNTH_VERSION, render_dataset

VERSION = 1


def fetch_key(store: Store, source: SourceConfig) -> StepKey:
    """Return the identity of a source: what is requested; of local zips their content; of a local tree its place too.

    Cheap, because every start computes it: zips are known by their directories, a tree by remembered digests.

    Raises:
        ConfigError: if a folder source names no path.
        DatasetContractError, ArchiveError: if the local folder holds no KITTI data.
    """
    if source.kind == "synthetic":
        return step_key(
            "fetch",
            VERSION,
            kind="synthetic",
            frames=source.synthetic_frames,
            seed=source.synthetic_seed,
            synth=SYNTH_VERSION,
        )
    if source.kind == "official":
        return step_key("fetch", VERSION, kind="official", base_url=source.base_url, sha256=source.sha256)
    path = _local_path(source)
    if has_archives(path):
        return step_key("fetch", VERSION, kind="zips", members=digest_archives(path))
    tree = open_tree(path, stat_cache=_inventory_cache(store))
    return step_key("fetch", VERSION, kind="folder", content=tree.digest(), root=str(tree.root.absolute()))


def fetch(store: Store, source: SourceConfig, *, progress: FileProgress | None = None) -> StepOutput:
    """Return the data set as a step output, downloading, unpacking or rendering it if it is not there yet.

    Args:
        store: where outputs live.
        source: what to fetch.
        progress: called with (file name, bytes or frames done, total or None).

    Raises:
        ArchiveError, DiskSpaceError, DatasetContractError: if it cannot be fetched completely.
    """

    def make(folder: Path) -> dict[str, Any]:
        if source.kind == "synthetic":
            render_dataset(folder / "kitti", frames=source.synthetic_frames, seed=source.synthetic_seed, zips=False)
            root: Path = folder / "kitti"
        elif source.kind == "official":
            # The archives stay beside the outputs: a damaged tree is unpacked again without another 12 GB download.
            root = fetch_official(source, folder, progress=progress, archives_dir=store.root / "archives")
        elif has_archives(_local_path(source)):
            root = unpack_archives(_local_path(source), folder, progress=progress)
        else:
            root = _local_path(source)
        tree = open_tree(root, stat_cache=_inventory_cache(store))
        if not tree.frame_ids:
            raise DatasetContractError(f"{root}: expected image and label pairs, found none. Check `source`.")
        inside = root.is_relative_to(folder)
        summary = {
            "kind": source.kind,
            "root": root.relative_to(folder).as_posix() if inside else str(root.absolute()),
            "content": tree.digest(),
            "frames": len(tree.frame_ids),
            "drives_known": bool(tree.drive_of()),
        }
        write_json(folder / "dataset.json", summary)
        return summary

    return store.get_or_make(fetch_key(store, source), make, resumable=source.kind != "synthetic")


def dataset_tree(store: Store, dataset: StepOutput) -> KittiTree:
    """Return the tree a fetch output stands for.

    Raises:
        DatasetContractError: if its files are not those that were fetched: what is made from them would be stored under
            the digest of the old ones.
    """
    tree = open_tree(store.path(dataset) / dataset.summary["root"], stat_cache=_inventory_cache(store))
    if tree.digest() != dataset.summary["content"]:
        raise DatasetContractError(
            f"{tree.root}: the files changed after they were fetched. Start the run again; it uses them as they are."
        )
    return tree


def _local_path(source: SourceConfig) -> Path:
    if source.path is None:
        raise ConfigError("source.kind is 'folder' but source.path is not set. Add source.path=FOLDER.")
    return source.path


def _inventory_cache(store: Store) -> Path:
    return store.root / ".inventory.json"
