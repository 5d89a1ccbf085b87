"""Whether a run has its report is asked at every start of a run: that loads nothing that draws."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["kittidet.report.result", "kittidet.steps.report"])
def test_asking_for_a_report_loads_nothing_that_draws(module):
    code = f"import {module}, sys; print([m for m in ('matplotlib', 'jinja2', 'tensorflow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
