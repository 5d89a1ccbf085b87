"""The data and the records a run was made from, found again in a store by the digests of their content."""

from collections.abc import Sequence
from pathlib import Path

from kittidet.errors import RecordError, StoreError
from kittidet.files import read_json
from kittidet.kitti.layout import is_tree
from kittidet.kitti.tree import KittiTree, open_tree
from kittidet.records.manifest import MANIFEST_NAME, read_manifest


def tree_in_stores(stores: Sequence[Path], content: str) -> KittiTree | None:
    """Return the first data set with this content that a store holds or knows the place of; None if there is none.

    Args:
        stores: folders of step outputs; they need not exist.
        content: the tree's digest.

    Raises:
        StoreError: if a store has a damaged note of a data set.
    """
    # The store's own note of where a data set is; its digest, not its name, identifies it.
    for note in (note for store in stores for note in sorted(store.glob("fetch-*/dataset.json"))):
        advice = f"Remove {note.parent}, which can be made again, or name the data with --data."
        facts = read_json(note, error=StoreError, advice=advice)
        try:
            root, is_this = note.parent / facts["root"], facts["content"] == content
        except (KeyError, TypeError) as error:
            raise StoreError(f"{note}: expected the root and content of a data set, got {facts!r}. {advice}") from error
        if is_this and is_tree(root):
            return open_tree(root)
    return None


def records_in_stores(stores: Sequence[Path], side: str, digest: str) -> Path | None:
    """Return the first folder of records with this digest that a store holds; None if there is none.

    Args:
        stores: folders of step outputs; they need not exist.
        side: ``train`` or ``val``.
        digest: of the records.

    Raises:
        RecordError: if records in a store are incomplete.
    """
    folders = (path.parent for store in stores for path in sorted(store.glob(f"records-{side}-*/{MANIFEST_NAME}")))
    return next((folder for folder in folders if read_manifest(folder).digest == digest), None)


def images_beside(records_dir: Path) -> Path | None:
    """Return the folder of the images that records refer to, where the store they lie in knows it.

    None as well where they hold their images or are damaged: reading them tells.

    Raises:
        StoreError: if the store has a damaged note of a data set.
    """
    try:
        content = read_manifest(records_dir).images_of
    except RecordError:
        return None
    tree = None if content is None else tree_in_stores([records_dir.absolute().parent], content)
    return None if tree is None else tree.images_dir
