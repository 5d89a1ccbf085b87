"""``kittidet verify`` as a person runs it: a table, a certificate, and exit code 1 where anything changed."""

import pytest
import typer
from fixtures.damage import flip_a_bit
from typer.testing import CliRunner

from kittidet.cli.verify import verify
from kittidet.errors import StoreError
from kittidet.files import read_sealed


def run(*args):
    app = typer.Typer()
    app.command()(verify)
    return CliRunner().invoke(app, [str(a) for a in args], env={"COLUMNS": "120"})


def test_a_whole_run_gets_a_certificate(published_copy, tiny_models):
    result = run(published_copy, "--sample", 2)
    assert result.exit_code == 0, result.output
    assert "changed" not in result.output
    assert "detections found again" in result.output
    content = read_sealed(published_copy / "certificate.json")
    assert content["passed"]
    assert content["settings"] == {"quick": False, "sample": 2, "seed": 0}
    # A certificate is no part of what it certifies.
    assert run(published_copy, "--quick").exit_code == 0


def test_a_changed_run_is_refused_by_the_name_of_the_file(published_copy):
    flip_a_bit(published_copy / "val.txt")
    result = run(published_copy, "--quick")
    assert result.exit_code == 1
    assert f"changed: {published_copy / 'val.txt'}: changed since it was written: expected sha256" in result.output
    assert not read_sealed(published_copy / "certificate.json")["passed"]


def test_no_run_is_an_error(tmp_path):
    assert isinstance(run(tmp_path / "none").exception, StoreError)


@pytest.mark.parametrize("option", ["--sample=0", "--sample=x"])
def test_a_sample_is_at_least_one_image(tmp_path, option):
    assert run(tmp_path, option).exit_code == 2
