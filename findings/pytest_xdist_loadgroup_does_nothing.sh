#!/usr/bin/env bash
# With pytest 9.2, pytest-xdist's `--dist loadgroup` no longer keeps a group on one worker.
#
# Packages: pytest 9.2.0 and 9.1.1, pytest-xdist 3.8.0.
#
# Expected: tests with the same `xdist_group` mark run on the same worker, whatever the version
# of pytest that pytest-xdist's own requirement (pytest >= 7) admits; or an error says that it
# cannot be done.
#
# What happens: pytest-xdist 3.8.0 carries the group to the scheduler by appending `@group` to
# each test's id during collection, by writing to a private attribute. pytest 9.2.0 no longer
# takes the id from there, so the scheduler sees no groups, and divides the tests as `load` does.
# No warning, the mark is known, exit code 0.
#
# Why it matters: groups are how one expensive fixture (a server, a trained network) is made on
# one worker alone, or how tests that share a port or a database are kept from running side by
# side. After the update both workers make it, and such tests race.
#
# Seen: eight tests of one group on two workers. pytest 9.1.1: all eight on one worker, each of
# three runs. pytest 9.2.0: on both workers, each of three runs.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/test_group.py" <<'PYTHON'
import os
import time

import pytest


@pytest.mark.parametrize("number", range(8))
@pytest.mark.xdist_group("one")
def test_member(number):
    time.sleep(0.05)
    print("WORKER", os.environ["PYTEST_XDIST_WORKER"])
PYTHON

workers() { # version -> how many workers ran members of the group, the most of three runs
    python3 -m venv "$folder/$1"
    "$folder/$1/bin/pip" install -qq "pytest==$1" 'pytest-xdist==3.8.0' ||
        { echo "Not tried: the pinned packages could not be installed." >&2; exit 2; }
    for _ in 1 2 3; do
        "$folder/$1/bin/python" -m pytest -q -rP -n 2 --dist loadgroup -p no:cacheprovider "$folder/test_group.py" |
            grep '^WORKER' | sort -u | wc -l
    done | sort -n | tail -1
}

before=$(workers 9.1.1)
after=$(workers 9.2.0)
echo "workers that ran one group: $before with pytest 9.1.1, $after with pytest 9.2.0"
if [ "$before" = 1 ] && [ "$after" = 2 ]; then
    echo "Confirmed: with pytest 9.2.0 --dist loadgroup divides a group."
else
    echo "CHANGED: expected 1 and 2." >&2
    exit 1
fi
