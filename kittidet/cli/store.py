"""``kittidet store``: what lies in a store, how large it is, what keeps it there; pins; and the removal of the rest."""

import shutil
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(name="store", help="List, measure, pin and prune the step outputs of a store.", no_args_is_help=True)

StorePlace = Annotated[str, typer.Option("--store", help="The store that is meant: a folder, or a URL.")]
RunsDirs = Annotated[
    list[Path] | None, typer.Option("--runs", help="Folder of runs made from it; once for each. Default: runs.")
]
STORE, RUNS = "store", Path("runs")


@app.command("list")
def list_outputs(store: StorePlace = STORE, runs: RunsDirs = None) -> None:
    """List every step output and left-over: size, age, and the runs, pin or process that keep it."""
    from kittidet.cli.tables import score_table
    from kittidet.upkeep import holdings as local
    from kittidet.upkeep import shared
    from kittidet.upkeep.needs import needs_of_runs, runs_that_need

    folders = runs or [RUNS] * RUNS.is_dir()
    if (url := _url(store)) is not None:
        holdings, needs = shared.list_holdings(url), shared.needs(url, folders)
    else:
        holdings, needs = local.list_holdings(Path(store)), needs_of_runs(folders)
    table = score_table(store, ("output", "size", "age", "kept by"), left=("output", "kept by"))
    for holding in holdings:
        keepers = runs_that_need(holding, needs, holdings)
        keepers += [] if holding.pin is None else [f"pin: {holding.pin}"]
        keepers += ["being made now"] if holding.is_locked else []
        left_over = "" if holding.is_output else "(left over)"
        age = describe_age(time.time() - holding.changed)
        table.add_row(holding.name, describe_size(holding.bytes), age, ", ".join(keepers) or left_over)
    _console().print(table)


@app.command()
def size(store: StorePlace = STORE) -> None:
    """Print how much each step takes, and what lies beside the step outputs."""
    from kittidet.cli.tables import score_table
    from kittidet.upkeep.holdings import bytes_of, list_holdings
    from kittidet.upkeep.shared import sizes as shared_sizes

    url, sizes = _url(store), Counter[str]()
    if url is not None:
        sizes.update(shared_sizes(url))
    else:
        holdings = list_holdings(Path(store))
        for holding in holdings:
            sizes[holding.step or "left over"] += holding.bytes
        ours = {holding.path for holding in holdings}
        for path in Path(store).iterdir():
            if path not in ours and path.is_dir() and path.name[0] != ".":
                sizes[f"{path.name}/"] += bytes_of(path)
    table = score_table(store, ("what", "size"), left=("what",))
    for what, count in sizes.most_common():
        table.add_row(what, describe_size(count))
    table.add_row("all", describe_size(sizes.total()), style="bold")
    _console().print(table)
    if url is None:
        _say(f"{describe_size(shutil.disk_usage(store).free)} free on this disk")


@app.command()
def prune(
    store: StorePlace = STORE,
    runs: RunsDirs = None,
    older_than: Annotated[
        float, typer.Option("--older-than", min=0, help="Days; younger ones may be of a flow between two steps.")
    ] = 1.0,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without, only what would go is listed.")] = False,
) -> None:
    """Remove what no run, pin or running process needs. Name every folder of runs: what is in none of them goes.

    On a URL, the runs that any machine published and the champions are known; folders need not be named.
    """
    from kittidet.upkeep import prune as local
    from kittidet.upkeep import shared

    older_than_s = older_than * local.DAY_S
    if (url := _url(store)) is not None:
        free = shared.free_holdings(url, runs or (), older_than_s=older_than_s)
        remove = partial(shared.remove_holdings, url)
    else:
        free = local.free_holdings(Path(store), runs or [RUNS], older_than_s=older_than_s)
        remove = partial(local.remove_holdings)
    for holding in free:
        age = describe_age(time.time() - holding.changed)
        _say(f"{describe_size(holding.bytes):>10}  {age:>8}  {holding.name}")
    total = describe_size(sum(holding.bytes for holding in free))
    if not free:
        _say("nothing to remove: every output is young, pinned, or of a run")
    elif yes:
        removed = remove(free)
        _say(f"removed: {len(removed)}, {describe_size(sum(holding.bytes for holding in removed))}")
    else:
        _say(f"{total} in {len(free)} would be removed. Nothing was: give --yes to remove them.")


@app.command()
def pin(
    names: Annotated[list[str], typer.Argument(help="Step outputs, as `kittidet store list` names them.")],
    store: StorePlace = STORE,
    reason: Annotated[str, typer.Option("--reason", help="Shown beside it.")] = "pinned",
    remove: Annotated[bool, typer.Option("--remove", help="Take the pin away instead.")] = False,
) -> None:
    """Keep step outputs whatever runs there are, also if they are made again."""
    from kittidet.upkeep import holdings as local
    from kittidet.upkeep import shared

    url = _url(store)
    for name in names:
        if url is not None:
            shared.unpin(url, name) if remove else shared.pin(url, name, reason)
        elif remove:
            local.unpin(Path(store), name)
        else:
            local.pin(Path(store), name, reason)
        _say(f"{name}: {'not pinned any more' if remove else 'pinned'}")


def describe_size(count: int) -> str:
    """Return a number of bytes as a person says it: ``712 B``, ``1.5 MB``, ``12.0 GB``."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def describe_age(seconds: float) -> str:
    """Return an age as a person says it: ``5 min``, ``3 h``, ``12 days``."""
    minutes = max(0, round(seconds / 60))
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def _url(store: str) -> str | None:
    """Return the URL of a store, None if it is a folder."""
    from kittidet.cli.options import named_place

    place = named_place(store)
    return place if isinstance(place, str) else None


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False)


def _say(line: str) -> None:
    _console().print(line, soft_wrap=True, markup=False)
