"""The house rules that a reader counts on, for every file there is."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("kittidet", "tasks", "flows", "deployments")
MODULES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))
NAMED = [p for p in MODULES if p.name != "__init__.py"]
MAX_LINES = 300
# Nothing to promise by themselves: every test that expects an error is about the one, the type checker about the other.
NOT_MIRRORED = {"kittidet/arrays.py"}
# Words of earlier versions, of which configuration files alone still know; the library has one word for each thing.
OLD_WORDS = {"canvas_hw", "read_picture", "drawn_frames", "drawn_seed"}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{relative(path)} has no docstring"


@pytest.mark.parametrize("path", [p for p in NAMED if relative(p) not in NOT_MIRRORED], ids=relative)
def test_every_module_has_a_test_in_the_mirror_place_that_asks_for_something(path):
    mirror = ROOT / "tests" / path.relative_to(ROOT).parent / f"test_{path.stem.strip('_')}.py"
    assert mirror.is_file(), f"{relative(path)}: expected {relative(mirror)}"
    tree = ast.parse(mirror.read_text(encoding="utf-8"))
    tests = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")]
    assert any(asks_for_something(node) for node in tests), f"{relative(mirror)}: no test with an assert or a raises"


def asks_for_something(node: ast.AST) -> bool:
    """Whether a function asserts, or calls what does: `raises`, `assert_...`, or a `check_...` of its file."""
    for part in ast.walk(node):
        if isinstance(part, ast.Assert):
            return True
        name = getattr(part, "attr", getattr(part, "id", ""))
        if name.startswith(("assert_", "check_")) or name == "raises":
            return True
    return False


@pytest.mark.parametrize(
    ("body", "asks"),
    [
        ("", False),
        ("    run()", False),
        ("    assert run()", True),
        ("    with pytest.raises(ValueError):\n        run()", True),
        ("    np.testing.assert_allclose(run(), 1)", True),
    ],
)
def test_a_test_that_asks_for_nothing_is_none(body, asks):
    assert asks_for_something(ast.parse(f"def test_it():\n{body or '    pass'}")) is asks


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_name_is_of_an_earlier_vocabulary(path):
    names = {
        getattr(part, field)
        for part in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        for field in ("id", "attr", "arg", "name")
        if isinstance(getattr(part, field, None), str)
    }
    assert names & OLD_WORDS == set()


# Of the data set, whose files are compared with its digest.
@pytest.mark.parametrize("path", [p for p in (ROOT / "kittidet/steps").glob("*.py") if p.stem != "fetch"], ids=relative)
def test_steps_read_each_other_through_the_stores_door_alone(path):
    """`Store.read` hashes what it hands out; `Store.path` does not."""
    assert "store.path(" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))], ids=relative)
def test_no_file_outgrows_one_idea(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES, f"{relative(path)} has {lines} lines"


@pytest.mark.parametrize(
    "module",
    [
        "kittidet",
        "kittidet.__main__",
        "kittidet.kitti.labels",
        "kittidet.config",
        "kittidet.store",
        "kittidet.eval.coco",
    ],
)
def test_light_modules_load_neither_tensorflow_nor_keras_nor_prefect(module):
    code = (
        f"import {module}, sys; print(sorted({{'tensorflow', 'keras', 'prefect', 'torch', 'jax'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
