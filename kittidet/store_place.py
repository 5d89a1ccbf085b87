"""Where a store is: a folder, or a URL of an object store with a folder on this machine that caches it.

Only names places; what lies in them is left to `store`, `object_store` and the registry.
"""

import hashlib
import os
import re
from pathlib import Path

from kittidet.machine import user_cache_dir
from kittidet.masking import USER_INFO, masked

CACHE_VARIABLE = "KITTIDET_STORE_CACHE"
_URL = re.compile(r"(s3|gs|az)://[^/?#\s]+(/[^?#\s]*)?")
# What `pathlib` makes of such a URL: one slash is gone.
_URL_AS_PATH = re.compile(r"(s3|gs|az):/(?!/)")


def store_place(given: Path | str) -> Path | str:
    """Return a store's folder as a path, or its URL as text without a slash at its end.

    Raises:
        ValueError: if it looks like a URL but is none of an object store, or holds a password.
    """
    text = _URL_AS_PATH.sub(r"\1://", str(given), count=1)
    if "://" not in text:
        return Path(given)
    if USER_INFO.search(text):
        raise ValueError(
            "no user or password in the URL of a store, for it would be saved with the run; set them in the "
            "environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if not _URL.fullmatch(text):
        raise ValueError(
            f"expected a folder, or a URL such as s3://BUCKET/PREFIX (gs:// or az:// as well), got {masked(text)}"
        )
    return text.rstrip("/")


def local_folder(place: Path | str) -> Path:
    """Return the absolute folder of a store on this machine: itself, or the cache of a URL.

    Caches are in ``KITTIDET_STORE_CACHE``, by default in the user's own; each object store at each address has its own.

    Raises:
        ValueError: as `store_place`.
    """
    place = store_place(place)
    if isinstance(place, Path):
        return place.absolute()
    named = os.environ.get(CACHE_VARIABLE)
    root = Path(named).absolute() if named else user_cache_dir() / "stores"
    # Two servers may have buckets of one name.
    digest = hashlib.sha256(f"{place} {os.environ.get('AWS_ENDPOINT_URL', '')}".encode()).hexdigest()[:8]
    return root / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', place)[:100]}-{digest}"
