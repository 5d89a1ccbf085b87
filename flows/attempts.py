"""How often one run may start again by itself, what a run is called, and how one ends that cannot begin."""

import re
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files

import prefect.runtime
from prefect import State
from prefect.states import Failed

from kittidet.errors import KittidetError, TrainingError

# A crashed run is scheduled again by an automation (deployments/automations.py), which cannot count; this does.
MAX_STARTS = 4


_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi "
    "psi omega"
)
_FORMS_NAME = re.compile(rf"({'|'.join(_GREEK.split())})\w*-[a-z]+-[a-z]+")


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
    """Return what a run is called: what a person called it, else its own name or preset and when it started (UTC).

    A run that starts again keeps its name, by which those who wait for it know it.
    """
    known = prefect.runtime.flow_run.get_name()
    if known is not None and not _is_made_up(known):
        return known
    parameters = prefect.runtime.flow_run.get_parameters()
    config = parameters.get("config")
    own_name = config.get("name") if isinstance(config, dict) else _given_name(config)
    return f"{own_name or parameters.get('preset') or 'run'} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"


def failed(error: KittidetError) -> State:
    """Return the state of a run that cannot begin: the whole message on one line, where a person looks first.

    An error that is raised would fill the run's log with the path of calls to it, which tells that person nothing.
    """
    first, *more = (line.strip() for line in str(error).splitlines())
    return Failed(message=" ".join([first, "; ".join(more)]).strip(), data=error)


def _given_name(config: object) -> str | None:
    return getattr(config, "name", None) if "name" in getattr(config, "model_fields_set", ()) else None


def _is_made_up(name: str) -> bool:
    """Whether Prefect drew the name, because nobody gave one; it keeps no note of that.

    Its server's are two words of a list, ``brave-otter``; its form's begin with a Greek letter, ``alpha3-braslota-d``.
    """
    words = name.split("-")
    return (len(words) == 2 and _words().issuperset(words)) or _FORMS_NAME.fullmatch(name) is not None


@cache
def _words() -> frozenset[str]:
    """Return the words that Prefect draws names from."""
    lists = (file for file in files("coolname").joinpath("data").iterdir() if file.name.endswith(".txt"))
    lines = (line for file in lists for line in file.read_text(encoding="utf-8").splitlines())
    return frozenset(word for line in lines if not line.startswith("#") for word in re.findall(r"[a-z]+", line))
