"""Benchmarks run by hand, months apart: what they take from the project is still there when they do."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("kittidet", "tasks", "flows", "deployments")
SIBLINGS = {file.stem for file in ROOT.glob("benchmarks/*.py")}


def names_in(module: str) -> set[str]:
    """Return what can be imported from a module of the project or a benchmark, read without running it."""
    place = ROOT / ("benchmarks" if module in SIBLINGS else "") / module.replace(".", "/")
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    names = {path.stem for path in place.glob("*")} if place.is_dir() else set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names |= {
                name.id for name in ast.walk(node) if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
            }
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def missing_in(source: str) -> list[str]:
    """Return the names that a program takes from the project and that are not there."""
    taken = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom) and node.module]
    return [
        f"{node.module}.{alias.name}"
        for node in taken
        if node.module.split(".")[0] in {*PACKAGES, *SIBLINGS}
        for alias in node.names
        if alias.name not in names_in(node.module)
    ]


@pytest.mark.parametrize("file", sorted(ROOT.glob("benchmarks/*.py")), ids=lambda file: file.stem)
def test_what_a_benchmark_imports_is_there(file):
    assert missing_in(file.read_text()) == []


def test_a_name_that_has_moved_is_found():
    moved = "from kittidet.synthetic import SYNTH_VERSION, dataset, render_dataset\nfrom rows import RESULTS, add_line"
    assert missing_in(moved) == ["kittidet.synthetic.render_dataset", "rows.add_line"]
