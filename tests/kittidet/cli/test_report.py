import shutil

import pytest
import typer
from typer.testing import CliRunner

from kittidet.cli.report import report


def test_a_report_that_is_there_is_said_to_be_there(written, synthetic_tree, tmp_path):
    run = shutil.copytree(written[1], tmp_path / "street")
    app = typer.Typer()
    app.command()(report)
    done = CliRunner().invoke(app, [str(run), "--data", str(synthetic_tree.root), "--gallery-frames", "2"])
    assert done.exit_code == 0, done.output
    assert "already there" in done.output
    assert not (run / "report-2").exists()


@pytest.mark.parametrize("wrong", [["--min-score", "1.5"], ["--min-score", "-0.1"], ["--gallery-frames", "-1"]])
def test_numbers_out_of_range_are_refused_by_the_command_line(written, wrong):
    app = typer.Typer()
    app.command()(report)
    done = CliRunner().invoke(app, [str(written[1]), *wrong])
    assert done.exit_code == 2
    assert "should be" in done.output
