#!/usr/bin/env bash
# With whenever 0.10.5, which Prefect 3.9.1 admits, a cron schedule has no dates at all.
#
# Packages: prefect 3.9.1, whenever 0.10.5 and 0.11.0, Python 3.11.
#
# Expected: any version that Prefect's requirement (whenever >= 0.10.5, < 0.12) admits lets a
# deployment's schedule work out its next runs; the lowest one is named as if it had been tried.
#
# What happens: Prefect hands the time zone on as an object of its own dependency, and whenever
# 0.10.5 insists on a plain `zoneinfo.ZoneInfo` ("exactly"): ValueError for every schedule, UTC
# included. With 0.11.0 the same call returns dates. A resolver that keeps an older lock, or
# another package that caps whenever, ends with 0.10.5 and `pip check` is content.
#
# Why it matters: on a server nobody makes that call. Its scheduler service logs the error in the
# background, deployments are shown with an active schedule, and re-training just never starts.
#
# Seen: 0.10.5, ValueError for Europe/Berlin and for UTC; 0.11.0, three dates for both.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/dates.py" <<'PYTHON'
import asyncio

from prefect.server.schemas.schedules import CronSchedule

for zone in ("Europe/Berlin", None):
    schedule = CronSchedule(cron="0 4 * * 0", timezone=zone)
    try:
        print(zone, len(asyncio.run(schedule.get_dates(3))), "dates")
    except ValueError as error:
        print(zone, "ValueError:", error)
PYTHON

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq 'prefect==3.9.1' 'whenever==0.10.5' ||
    { echo "Not tried: the pinned packages could not be installed." >&2; exit 2; }
dates() {
    PREFECT_HOME="$folder/home" "$folder/venv/bin/python" "$folder/dates.py"
}
before=$(dates)
"$folder/venv/bin/pip" install -qq 'whenever==0.11.0' ||
    { echo "Not tried: the pinned packages could not be installed." >&2; exit 2; }
after=$(dates)
printf 'whenever 0.10.5:\n%s\nwhenever 0.11.0:\n%s\n' "$before" "$after"
if [ "$(grep -c 'ValueError: tzinfo' <<< "$before")" = 2 ] && [ "$(grep -c ' 3 dates' <<< "$after")" = 2 ]; then
    echo "Confirmed: with whenever 0.10.5 Prefect's schedules have no dates."
else
    echo "CHANGED: expected ValueError twice, then three dates twice." >&2
    exit 1
fi
