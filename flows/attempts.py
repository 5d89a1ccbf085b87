"""How often one run may start again by itself, and what a run is called."""

import re
from datetime import UTC, datetime

import prefect.runtime

from kittidet.errors import TrainingError

# A crashed run is scheduled again by an automation (deployments/automations.py), which cannot count; this does.
MAX_STARTS = 4
_NAME = re.compile(r" \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")


def check_starts() -> None:
    """Return quietly while this run may go on.

    Raises:
        TrainingError: if it has been started too often; failed, not crashed, so that nothing starts it again.
    """
    starts = prefect.runtime.flow_run.get_run_count()
    if starts > MAX_STARTS:
        raise TrainingError(
            f"this run was started {starts} times, expected at most {MAX_STARTS}: something kills it each time "
            "(out of memory is the usual reason; the worker's log and `dmesg` tell). "
            "Mend that and start a new run: finished steps are cached and training goes on from its checkpoint."
        )


def run_name() -> str:
    """Return a name a person can read: the preset or the run's own name, and when it first started (UTC)."""
    known = prefect.runtime.flow_run.get_name()
    if known is not None and _NAME.search(known):
        # It starts again after a crash; who waits for it knows it by this name.
        return known
    parameters = prefect.runtime.flow_run.get_parameters()
    config = parameters.get("config")
    own_name = config.get("name") if isinstance(config, dict) else getattr(config, "name", None)
    return f"{own_name or parameters.get('preset') or 'run'} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
