"""The command line: one verb per step, no orchestrator needed. Verbs import what they use when they are called."""

import os
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from kittidet.cli import doctor, models, operations, settings, steps, store
from kittidet.cli.augment import augment
from kittidet.cli.benchmark import benchmark
from kittidet.cli.compare import compare
from kittidet.cli.convert import convert
from kittidet.cli.data import inspect, synth
from kittidet.cli.evaluate_kitti import evaluate_kitti
from kittidet.cli.export import export
from kittidet.cli.fit import fit
from kittidet.cli.log_output import keep_traceback, log_to_terminal
from kittidet.cli.parity import parity
from kittidet.cli.predict import predict
from kittidet.cli.report import report
from kittidet.cli.verify import verify
from kittidet.cli.zero_shot import zero_shot
from kittidet.errors import KittidetError
from kittidet.masking import masked

app = typer.Typer(
    help="From the KITTI 2D zips to a fine-tuned EfficientDet with a trustworthy AP.",
    epilog="First time here: `kittidet doctor`, then `kittidet run --preset demo` (minutes, on any machine).",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)

# What BSD's sysexits.h calls an internal software error.
INTERNAL_ERROR = 70
DEBUG = "KITTIDET_DEBUG"
# Of an unforeseen error, in characters: TensorFlow's run over pages, all of which the log has.
_LONGEST = 500

# Group in `--help` -> its verbs, most used first, each with an example. Those that need Prefect are not imported.
GROUPS: dict[str, dict[Callable[..., None] | typer.Typer | str, str]] = {
    "Pipeline": {
        steps.run: "kittidet run --data /data/kitti train.epochs=30",
        steps.fetch: "kittidet fetch --data /data/kitti",
        steps.validate: "kittidet validate --data /data/kitti validation.max_bad_share=0.05",
        steps.split: "kittidet split --data /data/kitti split.method=drive",
        steps.records: "kittidet records --data /data/kitti records.classes=kitti3",
        steps.train: "kittidet train --data /data/kitti train.batch_size=4",
        steps.evaluate: "kittidet evaluate --data /data/kitti evaluation.nms=hard",
        fit: "kittidet fit --latency-ms 30 --on tflite_int8 --data /data/kitti",
        steps.retrain: "kittidet retrain --data /data/kitti retrain.rule=not_worse",
    },
    "After a run": {
        predict: "kittidet predict frames/ --model runs/kitti-d0",
        report: "kittidet report runs/kitti-d0 --gallery-frames 12",
        export: "kittidet export runs/kitti-d0 --to onnx --to tflite_float16",
        benchmark: "kittidet benchmark runs/kitti-d0 --json times.json",
        compare: "kittidet compare runs/kitti-d0 runs/kitti-d0-2",
        verify: "kittidet verify runs/kitti-d0 --sample 64",
        evaluate_kitti: "kittidet evaluate-kitti --labels data/label_2 --detections predictions/kitti",
        models.app: "kittidet models list",
        zero_shot: "kittidet zero-shot runs/kitti-d0 --weights efficientdet-d0/",
    },
    "Data": {
        synth: "kittidet synth --out data/synthetic --frames 120",
        inspect: "kittidet inspect records/ --grid grid.png",
        augment: "kittidet augment --preview augmented/ --data /data/kitti train.augment.scale_min=0.8",
        convert: "kittidet convert data/kitti --to coco --out kitti-coco",
    },
    "Prefect": {"demo": "kittidet demo", "up": "kittidet up", "down": "kittidet down"},
    "This machine": {
        doctor.doctor: "kittidet doctor --store /data/store",
        store.app: "kittidet store prune --runs runs",
        settings.config: "kittidet config --explain train",
        parity: "kittidet parity oracle/",
    },
}


def _add_operation(name: str, *, group: str, epilog: str) -> None:
    # Its options are its own: they are handed on untouched, `--help` among them.
    untouched = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    text = operations.HELP[name]

    @app.command(name, help=text, rich_help_panel=group, context_settings=untouched)
    def operation(context: typer.Context) -> None:
        inner = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
        inner.command(name, help=text, epilog=epilog)(operations.load_operation(name))
        inner(args=context.args, prog_name=f"kittidet {name}", standalone_mode=False)


for _group, _verbs in GROUPS.items():
    for _verb, _example in _verbs.items():
        _epilog = f"Example: {escape(_example)}"
        if isinstance(_verb, str):
            _add_operation(_verb, group=_group, epilog=_epilog)
        elif isinstance(_verb, typer.Typer):
            app.add_typer(_verb, rich_help_panel=_group, epilog=_epilog)
        else:
            _name = _verb.__name__.replace("_", "-")
            app.command(_name, rich_help_panel=_group, epilog=_epilog)(_verb)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  typer's callback
    if wanted:
        typer.echo(f"kittidet {version('kittidet')}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
]


Debug = Annotated[
    bool, typer.Option("--debug", envvar=DEBUG, help="Show the whole traceback of an error; stands before the verb.")
]


@app.callback()
def _program(
    _version: Version = False,  # noqa: FBT002
    debug: Debug = False,  # noqa: FBT002
) -> None:
    """Options of the program itself."""
    # Read by `main`, which catches what a verb raises, when this function's values are gone.
    os.environ[DEBUG] = str(int(debug))


def main() -> None:
    """Run the command line; no error ends in a traceback.

    Wrong data ends in one line on the error stream and exit code 1; what nobody foresaw in one line that names the file
    with the traceback, and exit code 70.
    """
    # TensorFlow's start-up notices are not about the user's data.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    log_to_terminal()
    try:
        app()
    except KittidetError as error:
        _end(error, f"{type(error).__name__}: {error}", 1)
    except Exception as error:  # noqa: BLE001  the last net
        said = " ".join(str(error).split())
        what = f"{type(error).__name__}: {said}" if said else type(error).__name__
        kept = keep_traceback(error)
        where = f"The traceback is in {kept}" if kept is not None else "`kittidet --debug` shows the traceback"
        _end(error, f"internal error: {what[:_LONGEST]}. {where}; please report it with that.", INTERNAL_ERROR)


def _end(error: Exception, line: str, code: int) -> NoReturn:
    if os.environ.get(DEBUG, "0") != "0":
        sys.stderr.write(masked("".join(traceback.format_exception(error))))
    Console(stderr=True).print(f"[red]error:[/red] {escape(masked(line))}", soft_wrap=True, highlight=False)
    sys.exit(code)


if __name__ == "__main__":
    main()
