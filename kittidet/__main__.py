"""The command line: one verb per step, no orchestrator needed. Verbs import what they use when they are called."""

import logging
import os
import sys

import typer
from rich.console import Console
from rich.markup import escape

from kittidet.cli import data, doctor, operations, settings, steps
from kittidet.cli.compare import compare
from kittidet.cli.convert import convert
from kittidet.cli.evaluate_kitti import evaluate_kitti
from kittidet.cli.export import export
from kittidet.cli.parity import parity
from kittidet.cli.predict import predict
from kittidet.cli.report import report
from kittidet.cli.zero_shot import zero_shot
from kittidet.errors import KittidetError

app = typer.Typer(
    help="From the KITTI 2D zips to a fine-tuned EfficientDet with a trustworthy AP.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)

PIPELINE = (steps.fetch, steps.validate, steps.split, steps.records, steps.train, steps.evaluate, steps.run)
AFTERWARDS = (evaluate_kitti, compare, predict, report, export, zero_shot, convert, parity)
for _verb in (data.synth, *PIPELINE, data.inspect, *AFTERWARDS, settings.config, doctor.doctor):
    app.command(_verb.__name__.replace("_", "-"))(_verb)


def _add_operation(name: str) -> None:
    # Its options are its own: they are handed on untouched, `--help` among them.
    settings = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}

    @app.command(name, help=operations.HELP[name], context_settings=settings)
    def operation(context: typer.Context) -> None:
        inner = typer.Typer(pretty_exceptions_enable=False, add_completion=False)
        inner.command(name, help=operations.HELP[name])(operations.load_operation(name))
        inner(args=context.args, prog_name=f"kittidet {name}", standalone_mode=False)


for _name in operations.HELP:
    _add_operation(_name)


def main() -> None:
    """Run the command line; wrong data ends in one line on the error stream and exit code 1, not in a traceback."""
    # TensorFlow's start-up notices are not about the user's data.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("kittidet").setLevel(logging.INFO)
    try:
        app()
    except KittidetError as error:
        Console(stderr=True).print(
            f"[red]error:[/red] {type(error).__name__}: {escape(str(error))}", soft_wrap=True, highlight=False
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
