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
# Tested through what they are for, in the file named here.
TESTED_ELSEWHERE = {
    "kittidet/arrays.py": "the type checker",
    "kittidet/errors.py": "every test that expects an error",
    "kittidet/presets.py": "tests/kittidet/test_config.py",
    # What a drawn picture is painted with is judged in the picture.
    **{
        f"kittidet/synthetic/{name}.py": "tests/kittidet/kitti/synth/test_render.py"
        for name in (
            *("bodies_cars", "bodies_large", "bodies_people", "bodies_street", "canvas", "draws", "green", "ground"),
            *("lens", "look", "mesh", "scenery", "things", "world"),
        )
    },
}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_every_module_says_what_it_is_for(path):
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), f"{relative(path)} has no docstring"


@pytest.mark.parametrize("path", NAMED, ids=relative)
def test_every_module_has_a_test_in_the_mirror_place(path):
    if relative(path) in TESTED_ELSEWHERE:
        return
    name = path.stem.strip("_")
    mirror = ROOT / "tests" / path.relative_to(ROOT).parent / f"test_{name}.py"
    assert mirror.is_file(), f"{relative(path)}: expected {relative(mirror)}"


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
