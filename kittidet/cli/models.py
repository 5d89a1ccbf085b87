"""``kittidet models``: the registry's models, their versions, which is the champion, and what each was made from."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from kittidet.registry.records import Metric, ModelVersion
    from kittidet.registry.registry import Registry

app = typer.Typer(name="models", help="List, promote and trace the models of a store.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(help="Name of the model, such as kitti-d0.")]
Version = Annotated[int | None, typer.Argument(help="Its version; the champion if left out.")]
StorePlace = Annotated[str, typer.Option("--store", help="The store whose registry is meant: a folder, or a URL.")]
Reason = Annotated[str, typer.Option("--reason", help="One sentence for the history.")]
STORE = "store"


@app.command("list")
def list_models(store: StorePlace = STORE) -> None:
    """List every version of every model; the champion of each is marked."""
    registry = _registry(store)
    table = _table("model", "version", "", "AP", "interval", "parent", "data", "registered (UTC)")
    for model in registry.models():
        champion = registry.champion(model)
        for version in registry.versions(model):
            is_champion = champion is not None and version.version == champion.version
            ap = version.metrics["ap"]
            table.add_row(
                *(model, str(version.version), "champion" if is_champion else "", *_metric_cells(ap)),
                *("" if version.parent is None else str(version.parent), version.lineage.data[:8]),
                f"{version.date:%Y-%m-%d %H:%M}",
            )
    if not table.row_count:
        _say(f"{registry.objects.root}: no model yet. `kittidet retrain` or `kittidet models promote` makes one.")
        return
    _print(table)


@app.command()
def show(model: Model, version: Version = None, store: StorePlace = STORE) -> None:
    """Show a version's scores and origin, and the champions and decisions of its model."""
    registry = _registry(store)
    found = _version(registry, model, version)
    facts = _table("", "")
    for name, value in _facts(found):
        facts.add_row(name, value)
    _print(facts)
    scores = _table("class", "AP", f"{found.confidence:.0%} interval")
    scores.add_row("all", *_metric_cells(found.metrics["ap"]), style="bold")
    for name, metric in sorted(found.per_class_ap.items()):
        scores.add_row(name, *_metric_cells(metric))
    _print(scores)
    for move in registry.history(model):
        _say(f"{move.date:%Y-%m-%d %H:%M}  {move.action} version {move.version}: {move.reason}")
    for decision in registry.decisions(model):
        _say(f"{decision.date:%Y-%m-%d %H:%M}  {decision.sentence}")


@app.command()
def promote(
    model: Model,
    version: Annotated[str, typer.Argument(metavar="VERSION|RUN", help="Its version, or a run folder to register.")],
    reason: Reason = "promoted by hand",
    store: StorePlace = STORE,
) -> None:
    """Make a version, or a run that is registered first, the champion."""
    registry = _registry(store)
    number = int(version) if version.isdecimal() else _register(registry, model, Path(version))
    move = registry.promote(model, number, reason=reason)
    before = "" if move.replaced is None else f"; it replaced version {move.replaced}"
    _say(f"{model} version {move.version} is the champion{before}")
    _mirror(model, store)


@app.command()
def rollback(model: Model, reason: Reason = "rolled back by hand", store: StorePlace = STORE) -> None:
    """Make the champion before the present one the champion again."""
    move = _registry(store).rollback(model, reason=reason)
    _say(f"{model} version {move.version} is the champion again, instead of version {move.replaced}")
    _mirror(model, store)


@app.command()
def pull(
    model: Model,
    version: Version = None,
    out: Annotated[Path | None, typer.Option("--out", help="New folder; MODEL-VERSION if left out.")] = None,
    store: StorePlace = STORE,
) -> None:
    """Copy a version out of the registry, every file checked, as a run folder that `predict --model` takes."""
    from kittidet.registry.register import pull as pull_version

    registry = _registry(store)
    found = _version(registry, model, version)
    _say(f"saved in {pull_version(registry, found, out or Path(f'{model}-{found.version}'))}")


@app.command()
def mirror(
    what: Annotated[str, typer.Argument(metavar="RUN|MODEL", help="A run folder, or the name of a model.")],
    store: StorePlace = STORE,
) -> None:
    """Mirror a run, or a model's versions and champion, to MLFLOW_TRACKING_URI, else to a SQLite file in the store."""
    from kittidet.cli.options import named_place
    from kittidet.runs.run import Run
    from kittidet.steps.mirror import mirror_by_hand

    if Path(what).is_dir():
        mirror_by_hand(Run.open(what).config.store_dir, Path(what))
    else:
        mirror_by_hand(named_place(store), what)
    _say(f"{what} is in MLflow")


@app.command()
def lineage(
    model: Annotated[str | None, typer.Argument(help="Name of the model; left out with --frame.")] = None,
    version: Version = None,
    frame: Annotated[str | None, typer.Option("--frame", help="Instead: which versions saw this frame?")] = None,
    store: StorePlace = STORE,
) -> None:
    """Trace a version to its data, split, code and parents; or a frame to the versions that saw it."""
    from kittidet.registry.lineage import ancestors, saw_frame

    registry = _registry(store)
    if frame is not None:
        table = _table("model", "version", "saw it in", "data")
        for found, side in saw_frame(registry, frame):
            if model is None or found.model == model:
                words = {"train": "training", "val": "validation"}[side]
                table.add_row(found.model, str(found.version), words, found.lineage.data[:8])
        if table.row_count:
            _print(table)
        else:
            _say(f"no registered model saw frame {frame}")
        return
    if model is None:
        raise typer.BadParameter("expected the name of a model, or --frame ID")
    for number, found in enumerate(ancestors(registry, _version(registry, model, version))):
        table = _table("", "", title=f"{'its parent, ' if number else ''}{model} version {found.version}")
        for name, value in _facts(found):
            table.add_row(name, value)
        _print(table)


def _registry(store: str) -> "Registry":
    from kittidet.cli.options import named_place
    from kittidet.registry.registry import Registry

    return Registry(named_place(store))


def _mirror(model: str, store: str) -> None:
    from kittidet.cli.options import named_place
    from kittidet.steps.mirror import mirror_registered

    mirror_registered(named_place(store), model)


def _version(registry: "Registry", model: str, number: int | None) -> "ModelVersion":
    from kittidet.errors import RegistryError

    found = registry.champion(model) if number is None else registry.version(model, number)
    if found is None:
        raise RegistryError(
            f"{registry.objects.root}: model {model!r} has no champion. Name a version; see `kittidet models list`."
        )
    return found


def _register(registry: "Registry", model: str, run: Path) -> int:
    from kittidet.registry.register import register
    from kittidet.runs.run import Run

    return register(registry, Run.open(run), model=model).version


def _facts(version: "ModelVersion") -> Iterator[tuple[str, str]]:
    from kittidet.registry.lineage import describe_origin

    yield "registered", f"{version.date:%Y-%m-%d %H:%M} UTC"
    yield "run", version.run_path
    yield "network", f"EfficientDet-{version.variant} at {version.input_hw[1]}x{version.input_hw[0]}"
    yield from describe_origin(version)


def _metric_cells(metric: "Metric") -> tuple[str, str]:
    from kittidet.eval.score_text import score_text

    interval = "" if metric.low is None else f"{metric.low:.3f} {metric.high:.3f}"
    return score_text(metric.value), interval


def _table(*columns: str, title: str | None = None) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_header=any(columns), pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _print(table: "Table") -> None:
    from rich.console import Console

    Console(highlight=False).print(table)


def _say(text: str) -> None:
    from rich.console import Console

    Console(highlight=False).print(text, soft_wrap=True, markup=False)
