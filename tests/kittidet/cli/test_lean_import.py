"""What an import leaves out, with packages made for it."""

import importlib
import sys

from kittidet.cli.lean_import import import_tensorflow, import_without

USER = """
try:
    import {optional}
except ImportError:
    {optional} = None
"""


def test_an_optional_package_is_left_out_and_can_be_imported_afterwards(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "large_and_optional.py").write_text("")
    for name in ("lean_user", "other_user"):
        (tmp_path / f"{name}.py").write_text(USER.format(optional="large_and_optional"))
        monkeypatch.delitem(sys.modules, name, raising=False)
    import_without(["large_and_optional"], ["lean_user"])
    assert sys.modules["lean_user"].large_and_optional is None
    assert "large_and_optional" not in sys.modules
    assert importlib.import_module("other_user").large_and_optional is sys.modules["large_and_optional"]
    # What is there already stays there.
    import_without(["large_and_optional"], ["lean_user"])
    monkeypatch.delitem(sys.modules, "lean_user")
    import_without(["large_and_optional"], ["lean_user"])
    assert sys.modules["lean_user"].large_and_optional is sys.modules["large_and_optional"]


def test_tensorflow_is_there_afterwards():
    import_tensorflow()
    assert {"tensorflow", "keras"} <= set(sys.modules)
