#!/usr/bin/env bash
# obstore's fsspec file system takes mode="create" and overwrites all the same.
#
# Packages: obstore 0.12.1, fsspec 2026.9.0.
#
# Expected: "create" means write only where nothing is yet. obstore's own `put(mode="create")`
# keeps that promise with AlreadyExistsError, and fsspec's interface names the same mode.
#
# What happens: `FsspecStore.pipe_file` and `put_file` have the argument and ignore it: the object
# that was there is replaced and nothing is raised. The exclusive mode of `open` is at least
# refused ("xb" raises ValueError). Same objects, same store, two answers, depending on which of
# obstore's two doors one comes through.
#
# Why it matters: "put if absent" is what claims a training run's name, publishes a data set's
# manifest once or numbers checkpoints from several machines. Through fsspec two trainers both
# win and the second quietly replaces the first one's record. Use `obstore.put`.
#
# Seen: local folder and memory: `obstore.put` refuses and keeps "first"; `pipe_file` and
# `put_file` with mode="create" leave "second"; `open(..., "xb")` raises ValueError.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq 'obstore==0.12.1' 'fsspec==2026.9.0' ||
    { echo "Not tried: the pinned packages could not be installed." >&2; exit 2; }

cd "$folder"
env/bin/python - <<'PYTHON'
import pathlib
import sys

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.fsspec import FsspecStore
from obstore.store import LocalStore, MemoryStore

second = pathlib.Path("second").absolute()
second.write_bytes(b"second")
pathlib.Path("objects").mkdir()


def own_put(store) -> bytes:
    """What an object holds after obstore's own put was asked to create it a second time."""
    obstore.put(store, "own", b"first")
    try:
        obstore.put(store, "own", b"second", mode="create")
    except AlreadyExistsError:
        print(f"{type(store).__name__:11s}: obstore.put refuses")
    return bytes(obstore.get(store, "own").bytes())


for store in (LocalStore("objects"), MemoryStore()):
    if own_put(store) != b"first":
        sys.exit('Changed: obstore.put(mode="create") overwrites.')

root = pathlib.Path("objects").absolute()
for protocol, base in (("file", f"{root}/"), ("memory", "")):
    files = FsspecStore(protocol)
    for way in ("pipe_file", "put_file"):
        key = base + way
        files.pipe_file(key, b"first")
        if way == "pipe_file":
            files.pipe_file(key, b"second", mode="create")
        else:
            files.put_file(str(second), key, mode="create")
        left = files.cat_file(key)
        print(f"{protocol:11s}: {way}(mode='create') leaves {bytes(left).decode()!r}")
        if bytes(left) != b"second":
            sys.exit(f'Changed: {way}(mode="create") no longer overwrites.')
    try:
        files.open(base + "pipe_file", "xb")
    except ValueError:
        continue
    sys.exit('Changed: open(..., "xb") is no longer refused.')
PYTHON
echo 'As described: mode="create" protects in obstore.put and is ignored by its fsspec file system.'
