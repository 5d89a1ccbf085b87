import json

import pytest

from kittidet.cli.json_file import check_json_file, write_json_file
from kittidet.errors import EvaluationError


def test_no_file_is_fine_and_writes_nothing(tmp_path, capsys):
    check_json_file(None)
    write_json_file(None, {"a": 1})
    assert capsys.readouterr().out == ""


def test_a_file_in_a_folder_that_is_there_is_written_and_named(tmp_path, capsys):
    path = tmp_path / "[x].json"
    check_json_file(path)
    write_json_file(path, {"a": None})
    assert json.loads(path.read_text()) == {"a": None}
    assert "[x].json" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "said"), [("absent/x.json", "does not exist"), ("", "is a folder")])
def test_what_cannot_be_written_is_refused(tmp_path, name, said):
    with pytest.raises(EvaluationError, match=said):
        check_json_file(tmp_path / name)
    with pytest.raises(EvaluationError, match="cannot be written"):
        write_json_file(tmp_path / name, {})
