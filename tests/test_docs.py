"""What the documents say is so: examples run, commands parse, keys, names, files and links exist, the site builds."""

import ast
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
import typer
from fixtures.documents import DOCUMENTS, ROOT, Block, blocks_of, inline_code, links_of, page_name

import kittidet
from kittidet.__main__ import app
from kittidet.cli import operations
from kittidet.cli.operations import load_operation
from kittidet.config import RunConfig
from kittidet.config_file import load_run_config
from kittidet.presets import kitti_d0
from kittidet.section import Section

PACKAGES = ("kittidet", "tasks", "flows", "deployments")
FOLDERS = (*PACKAGES, "tests", "benchmarks", "docs")
BLOCKS = [block for path in DOCUMENTS for block in blocks_of(path)]
PYTHON_PAGES = sorted({b.page for b in BLOCKS if b.language == "python" and b.not_run is None})
NOT_RUN = [b for b in BLOCKS if b.not_run is not None]
# Verbs quick enough to be run as a page shows them; the others are parsed.
QUICK = ("config", "convert")

every_document = pytest.mark.parametrize("path", DOCUMENTS, ids=page_name)


def place(block: Block) -> str:
    return f"{block.page}:{block.line}"


@pytest.mark.parametrize("page", PYTHON_PAGES)
def test_python_examples_run(page, reader_folder, request, monkeypatch):
    blocks = [b for b in BLOCKS if b.page == page and b.language == "python" and b.not_run is None]
    if any("fetch_pretrained" in b.text or "from_coco" in b.text for b in blocks):
        monkeypatch.setenv("XDG_CACHE_HOME", str(request.getfixturevalue("user_cache")))
    names: dict = {"__name__": "__main__"}
    for block in blocks:
        # Line numbers of a traceback are those of the page.
        exec(compile("\n" * (block.line - 1) + block.text, block.page, "exec"), names)


def test_examples_that_are_not_run_are_counted_with_their_reasons():
    if NOT_RUN:
        pytest.skip(f"{len(NOT_RUN)} not run: " + "; ".join(f"{place(b)} {b.not_run}" for b in NOT_RUN))


def command_lines() -> list[tuple[str, str]]:
    return [(place(b), line) for b in BLOCKS for line in b.commands() if re.match(r"kittidet\b", line)]


@cache
def command_of(verb: str) -> typer.core.TyperCommand:
    """The command behind a verb; those of Prefect have their own, as the command line builds it."""
    if verb in operations.HELP:
        inner = typer.Typer(add_completion=False)
        inner.command(verb)(load_operation(verb))
        return typer.main.get_command(inner)
    known = typer.main.get_command(app).commands
    assert verb in known, f"kittidet {verb}: there is no such verb"
    return known[verb]


@pytest.mark.parametrize(("where", "line"), command_lines())
def test_command_lines_parse(where, line):
    _, verb, *arguments = shlex.split(line, comments=True)
    command_of(verb).make_context(verb, arguments)


@pytest.mark.parametrize("page", sorted({b.page for b in BLOCKS if any(True for _ in b.commands())}))
def test_quick_command_lines_run(page, reader_folder):
    lines = [line for b in BLOCKS if b.page == page and not b.not_run for line in b.commands()]
    for line in lines:
        program, *arguments = shlex.split(line, comments=True)
        if program == "kittidet" and arguments[0] in QUICK:
            typer.main.get_command(app).main(arguments, standalone_mode=False)


# The demo's own settings take minutes.
TINY = (
    *("source.synthetic_frames=8", "split.val_share=0.25", "model.variant=lite0", "model.input_hw=[64,128]"),
    *("train.epochs=1", "train.batch_size=4", "train.initial_weights=null", "train.batch_norm=frozen"),
)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/install.md"])
def test_the_first_run_of_a_reader_works_as_typed(page, tmp_path):
    (block,) = [b for b in BLOCKS if b.page == page and "kittidet run --preset demo" in b.text]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    for line in block.commands():
        command = shlex.split(line, comments=True)
        command += TINY if command[:2] == ["kittidet", "run"] else ()
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "0000 00:00" not in done.stderr, "TensorFlow's own lines are on the terminal"
    assert len(list((tmp_path / "predictions" / "images").iterdir())) == 12


def inline_commands() -> list[tuple[str, str]]:
    return [
        (page_name(path), code)
        for path in DOCUMENTS
        for code in inline_code(path)
        if re.match(r"kittidet +[a-z]", code)
    ]


@pytest.mark.parametrize(("page", "code"), inline_commands())
def test_verbs_and_options_that_the_text_names_exist(page, code):
    _, verb, *arguments = shlex.split(code)
    known = {option for parameter in command_of(verb).params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {a.partition("=")[0] for a in arguments if a.startswith("-")} <= known


@every_document
def test_make_targets_exist(path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    lines = [line for b in blocks_of(path) for line in b.commands()] + inline_code(path)
    named = {match[1] for line in lines if (match := re.match(r"make ([a-z-]+)", line))}
    assert named <= targets


@every_document
def test_deployments_their_parameters_and_pools_exist(path):
    from deployments.catalog import CATALOG, POOLS

    for line in [line for b in blocks_of(path) for line in b.commands() if line.startswith("prefect ")]:
        words = shlex.split(line, comments=True)
        options = dict(pairwise(words))
        if words[1:3] == ["deployment", "run"]:
            entry = next(e for e in CATALOG if e.name == words[3])
            given = {value.partition("=")[0] for flag, value in pairwise(words) if flag == "-p"}
            assert given <= parameters_of(entry.flow)
        if words[1:3] == ["worker", "start"]:
            assert options["--pool"] in {pool.name for pool in POOLS}


def parameters_of(function: str) -> set[str]:
    module, _, name = function.rpartition(".")
    tree = ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_text())
    found = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    return {argument.arg for argument in (*found.args.args, *found.args.kwonlyargs)}


OVERRIDE = re.compile(rf"\b((?:(?:{'|'.join(RunConfig.model_fields)})(?:\.\w+)*)=(?!=)(?:\[[^\]]*\]|[^\s\"'`,;)]+))")


def overrides_in(path: Path) -> set[str]:
    lines = [line for b in blocks_of(path) if b.language in ("", "sh", "bash", "json") for line in b.text.splitlines()]
    # `name=` alone is any function's argument.
    return {o for code in (*lines, *inline_code(path)) for o in OVERRIDE.findall(code) if not o.startswith("name=")}


@every_document
def test_overrides_are_accepted(path):
    for override in sorted(overrides_in(path)):
        load_run_config(kitti_d0(), overrides=[override])


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language in ("yaml", "json")], ids=place)
def test_configuration_files_load(block, tmp_path):
    file = tmp_path / f"config.{block.language}"
    file.write_text(block.text)
    load_run_config(kitti_d0(), file)


def config_keys(section: type[Section] = RunConfig, prefix: str = "") -> Iterator[str]:
    """Today's dotted keys and those that are still understood."""
    for name in (*section.model_fields, *section.renamed_keys):
        yield prefix + name
        field = section.model_fields.get(name)
        if field is not None and isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from config_keys(field.annotation, f"{prefix}{name}.")


def is_defined(dotted: str) -> bool:
    """Whether a dotted name below `kittidet`, `tasks`, `flows` or `deployments` is there; nothing is imported."""
    parts = dotted.split(".")
    for depth in range(len(parts), 0, -1):
        base = ROOT.joinpath(*parts[:depth])
        file = base.with_suffix(".py") if base.with_suffix(".py").is_file() else base / "__init__.py"
        if file.is_file():
            return not parts[depth:] or has_name(ast.parse(file.read_text()).body, parts[depth:]) or is_public(parts)
    return False


def is_public(parts: list[str]) -> bool:
    """Whether a name is one that `kittidet` itself gives, which it may load only when asked."""
    return parts[0] == "kittidet" and len(parts) == 2 and parts[1] in dir(kittidet)


def has_name(body: list[ast.stmt], names: list[str]) -> bool:
    for node in body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        imported = [alias.asname or alias.name for alias in getattr(node, "names", []) if isinstance(alias, ast.alias)]
        own = [getattr(node, "name", None), *(getattr(target, "id", None) for target in targets), *imported]
        if names[0] in own:
            return len(names) == 1 or has_name(getattr(node, "body", []), names[1:])
    return False


@every_document
def test_modules_functions_and_keys_exist(path):
    keys = set(config_keys())
    unknown = []
    for code in inline_code(path):
        name = code.partition("(")[0].partition("=")[0].strip()
        if not re.fullmatch(r"[a-z_]+(\.\w+)+", name) or Path(name).suffix in FILE_ENDINGS:
            continue
        first = name.split(".")[0]
        if first in PACKAGES:
            known = is_defined(name)
        elif (ROOT / "kittidet" / first).is_dir() or (ROOT / "kittidet" / f"{first}.py").is_file():
            known = is_defined(f"kittidet.{name}") or name in keys
        elif first in RunConfig.model_fields:
            known = name in keys
        else:
            continue
        if not known:
            unknown.append(code)
    assert unknown == []


FILE_ENDINGS = (".md", ".py", ".json", ".csv", ".txt", ".png", ".yaml", ".toml", ".html", ".pbtxt", ".cpp", ".h5")


@every_document
def test_files_and_folders_exist(path):
    missing = []
    for code in [*inline_code(path), *(line for b in blocks_of(path) for line in b.commands())]:
        for word in code.split():
            top = word.split("/")[0]
            inside = top in FOLDERS or (top and (ROOT / "kittidet" / top).is_dir())
            if "/" in word and inside and not re.search(r"[*<>{}]", word) and not word.startswith(OTHERS):
                missing += [] if any((base / word).exists() for base in (ROOT, ROOT / "kittidet")) else [word]
    assert missing == []


# Folders of data and outputs that share a room's name.
OTHERS = ("runs/", "data/kitti", "training/image_2", "training/label_2")


@every_document
def test_links_and_images_lead_somewhere(path):
    for target in links_of(path):
        if "://" not in target and not target.startswith("#"):
            assert (path.parent / target.partition("#")[0]).exists(), f"{page_name(path)}: {target}"


def test_the_data_walk_names_each_function_once():
    walk = (ROOT / "docs" / "data-walk.md").read_text().partition("## From the zip")[2].partition("\n## ")[0]
    names = [code for code in re.findall(r"`([^`]+)`", walk) if re.fullmatch(r"[a-z_]+(\.\w+){2,}", code)]
    assert len(names) > 30
    assert sorted(names) == sorted(set(names))
    assert [name for name in names if not is_defined(f"kittidet.{name}")] == []


def test_the_site_builds_without_a_warning_and_asks_nothing_of_the_network(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert re.findall(r"<(?:script|img|link)[^>]+(?:src|href)=\"?(?:https?:)?//[^\s>]+", text) == []
    assert "evaluation.nms" in (tmp_path / "reference" / "config.html").read_text(encoding="utf-8")
