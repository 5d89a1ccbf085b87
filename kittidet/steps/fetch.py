"""Step 1, fetch: official archives, a local folder, another format or synthetic data become one verified KITTI tree.

Archives, COCO and YOLO data sets, and synthetic data become files in the step's own folder. A local tree stays where it
is: the output only records the place, and later steps are keyed by the digest of its content, so the same data in
another place finds their results.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kittidet.config import SourceConfig
from kittidet.errors import ConfigError, DatasetContractError, RecordError
from kittidet.files import digest_of, write_json
from kittidet.kitti.archive.unpack import digest_archives, has_archives, unpack_archives
from kittidet.kitti.inventory import digest_files
from kittidet.kitti.layout import describe_files
from kittidet.kitti.tree import KittiTree, open_tree
from kittidet.progress import FileProgress
from kittidet.store import StepKey, StepOutput, Store, step_key
from kittidet.synthetic import SYNTH_VERSION

if TYPE_CHECKING:
    from kittidet.convert.to_tree import LabelledImages

VERSION = 1
INVENTORY = "inventory.json"


def fetch_key(store: Store, source: SourceConfig) -> StepKey:
    """Return the identity of a source: what is requested; of local zips their content; of a local tree its place too.

    Cheap, because every start computes it: zips are known by their directories, other files by remembered digests.

    Raises:
        ConfigError: if a source on this machine names no path.
        DatasetContractError, ArchiveError: if there is no data of that kind.
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
    if source.kind in {"coco", "yolo"}:
        images = _foreign(source).images
        files = {image.name: image.path for image in images if image.path is not None}
        digests = digest_files(files, stat_cache=_inventory_cache(store))
        content = [[image.name, image.split, image.text, digests[image.name]] for image in images]
        return step_key("fetch", VERSION, kind=source.kind, content=digest_of(content))
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
        from kittidet.convert.to_tree import write_tree
        from kittidet.kitti.archive.official import fetch_official
        from kittidet.synthetic.dataset import is_synthetic, render_dataset

        if source.kind == "synthetic":
            render_dataset(folder / "kitti", frames=source.synthetic_frames, seed=source.synthetic_seed, zips=False)
            root: Path = folder / "kitti"
        elif source.kind == "official":
            # The archives stay beside the outputs: a damaged tree is unpacked again without another 12 GB download.
            root = fetch_official(source, folder, progress=progress, archives_dir=store.root / "archives")
        elif source.kind in {"coco", "yolo"}:
            root = write_tree(_foreign(source), folder / "kitti", images="copy").path
        elif has_archives(_local_path(source)):
            root = unpack_archives(_local_path(source), folder, progress=progress)
        else:
            root = _local_path(source)
        tree = open_tree(root, stat_cache=_inventory_cache(store))
        if not tree.frame_ids:
            raise DatasetContractError(
                f"{root}: expected image and label pairs of the same names, found none among {describe_files(root)}. "
                "Check `source`; a YOLO data set is one of source.kind=yolo."
            )
        inside = root.is_relative_to(folder)
        summary = {
            "kind": source.kind,
            "root": root.relative_to(folder).as_posix() if inside else str(root.absolute()),
            "content": tree.digest(),
            "frames": len(tree.frame_ids),
            "drives_known": bool(tree.drive_of()),
            "synthetic": is_synthetic(tree),
        }
        write_json(folder / "dataset.json", summary)
        # `kittidet verify` names the file that changed.
        write_json(folder / INVENTORY, tree.inventory())
        return summary

    return store.get_or_make(fetch_key(store, source), make, resumable=source.kind in {"official", "folder"})


def dataset_tree(store: Store, dataset: StepOutput) -> KittiTree:
    """Return the tree a fetch output stands for.

    Raises:
        DatasetContractError: if a person's files are not those that were fetched: what is made from them would be
            stored under the digest of the old ones.
        DamagedOutputError: if those in the store are not.
    """
    store.bring(dataset)
    root = Path(dataset.summary["root"])
    tree = open_tree(store.path(dataset) / root, stat_cache=_inventory_cache(store))
    if tree.digest() != dataset.summary["content"]:
        if not root.is_absolute():
            wrong = store.problems(dataset, thorough=True)
            store.distrust(dataset, wrong or [f"{tree.root}: expected the files that were fetched, found more"])
        raise DatasetContractError(
            f"{tree.root}: the files changed after they were fetched. Start the run again; it uses them as they are."
        )
    return tree


@contextmanager
def dataset_images(store: Store, dataset: StepOutput) -> Iterator[Path]:
    """Yield the folder of a data set's images, for as long as records that refer to them are read.

    Raises:
        DatasetContractError, DamagedOutputError: as `dataset_tree`; the latter also where a reader met an image of the
            store's own that is not the one that was fetched, though its size and times are.
    """
    images_dir = dataset_tree(store, dataset).images_dir
    try:
        yield images_dir
    except RecordError:
        if not Path(dataset.summary["root"]).is_absolute():
            # What is damaged is made again; a person's own files are theirs to copy again, as the error says.
            store.read(dataset)
        raise


def _foreign(source: SourceConfig) -> "LabelledImages":
    """Return the images of a COCO or YOLO data set, every class under its own name."""
    from kittidet.convert.to_tree import coco_images, yolo_images

    if source.kind == "yolo":
        return yolo_images(_local_path(source))
    if source.annotations is None:
        raise ConfigError("source.kind is 'coco' but source.annotations is not set. Add source.annotations=FILE.json.")
    given = source.annotations
    files = {str(split): file for split, file in given.items()} if isinstance(given, dict) else {"": given}
    folders = source.images_dir
    each = {str(split): path for split, path in folders.items()} if isinstance(folders, dict) else {}
    one = None if isinstance(folders, dict) else folders
    documents = {split: (file, each.get(split, one) or file.parent) for split, file in files.items()}
    return coco_images(documents, class_map=None)


def _local_path(source: SourceConfig) -> Path:
    if source.path is None:
        raise ConfigError(f"source.kind is {source.kind!r} but source.path is not set. Add source.path=PATH.")
    return source.path


def _inventory_cache(store: Store) -> Path:
    return store.root / ".inventory.json"
