#!/usr/bin/env bash
# To a Prefect automation that waits for heartbeats, the time in which the server was down is silence of the runs.
#
# Packages: prefect 3.9.1 with whenever 0.11.0, Python 3.11.
#
# Expected: a proactive trigger ("no heartbeat within 20 s after the first one") says something about who
# sends the heartbeats. A server that was restarted waits those 20 s anew, or as long as it has been up.
#
# What happens: the trigger's deadline lies in the database and runs on while the server is down. Started
# again after it, the server fires, though the sender never stopped and is heard again at once.
#
# Why it matters: the automation that Prefect's documentation offers against zombie runs sets such a run to
# Crashed. A restart that takes longer than the heartbeat's limit ends every training that was going on,
# and an automation that starts crashed runs again then starts it a second time beside itself.
#
# Seen: no firing in 40 s of heartbeats every second; 1 to 3 (three tries) in the 20 s of heartbeats after
# 35 s without a server.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill $(jobs -p) 2> "$folder/null" || true; rm -rf "$folder"' EXIT
cat > "$folder/watch.py" <<'PYTHON'
import datetime
import subprocess
import sys
import time
import uuid

import httpx

API = "http://127.0.0.1:4217/api"


def start():
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", "4217"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while True:
        try:
            if httpx.get(f"{API}/health").status_code == 200:
                return server
        except httpx.HTTPError:
            time.sleep(0.5)


def send(name):
    now = datetime.datetime.now(datetime.timezone.utc).isoformat()
    event = {
        "id": str(uuid.uuid4()),
        "occurred": now,
        "event": name,
        "resource": {"prefect.resource.id": "sender.1"},
    }
    httpx.post(f"{API}/events", json=[event]).raise_for_status()


def firings():
    wanted = {"filter": {"event": {"name": ["prefect.automation.triggered"]}, "occurred": {"since": SINCE}}}
    return httpx.post(f"{API}/events/filter", json=wanted).json()["total"]


def beat(seconds):
    for _ in range(seconds):
        send("sender.heartbeat")
        time.sleep(1)


SINCE = datetime.datetime.now(datetime.timezone.utc).isoformat()
server = start()
trigger = {
    "type": "event",
    "posture": "Proactive",
    "match": {"prefect.resource.id": "sender.*"},
    "for_each": ["prefect.resource.id"],
    "after": ["sender.heartbeat"],
    "expect": ["sender.heartbeat"],
    "threshold": 1,
    "within": 20,
}
made = {"name": "silence", "trigger": trigger, "actions": [{"type": "do-nothing"}]}
httpx.post(f"{API}/automations/", json=made).raise_for_status()
time.sleep(3)
beat(40)
print("while it sends:", firings())
server.terminate()
server.wait()
time.sleep(35)
server = start()
beat(20)
print("after the absence:", firings())
server.terminate()
server.wait()
PYTHON

python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq 'prefect==3.9.1' 'whenever==0.11.0' ||
    { echo "Not tried: the pinned packages could not be installed." >&2; exit 2; }
export PREFECT_HOME="$folder/home" PREFECT_SERVER_ANALYTICS_ENABLED=false DO_NOT_TRACK=1
found=$(cd "$folder" && timeout 200 "$folder/venv/bin/python" "$folder/watch.py")
echo "$found"
if [[ $found =~ ^'while it sends: 0'$'\n''after the absence: '[1-9] ]]; then
    echo "Confirmed: what the server did not hear while it was down counts as silence."
else
    echo "CHANGED: expected no firing while heartbeats arrive and one or more after the server's absence." >&2
    exit 1
fi
