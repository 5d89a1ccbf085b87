from pathlib import Path

import pytest

from kittidet.errors import ExportError
from kittidet.export.damage import opening


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (IndexError("Read less bytes than requested"), "Read less bytes than requested. It is missing"),
        (OSError("\n  first.\nsecond"), "first. It is missing"),
        (KeyError(), "KeyError. It is missing"),
    ],
)
def test_whatever_a_runtime_raises_names_the_file_its_reason_and_the_next_step(raised, said):
    with pytest.raises(ExportError) as caught, opening(Path("out/model"), "a SavedModel"):
        raise raised
    assert str(caught.value).startswith("out/model: cannot be opened as a SavedModel: ")
    assert said in str(caught.value)
    assert str(caught.value).endswith("export it again.")
    assert caught.value.__cause__ is raised


def test_a_whole_file_with_operations_that_the_runtime_lacks_is_not_called_damaged():
    with pytest.raises(ExportError, match="lacks an operation") as caught, opening(Path("m.tflite"), "a TFLite file"):
        raise RuntimeError("Encountered unresolved custom op: TFLite_Detection_PostProcess.")
    assert "damaged" not in str(caught.value)


def test_an_error_in_the_projects_own_words_is_left_as_it_is():
    with pytest.raises(ExportError, match=r"^said$"), opening(Path("m"), "a SavedModel"):
        raise ExportError("said")


def test_what_opens_goes_through():
    with opening(Path("m"), "a SavedModel"):
        opened = True
    assert opened
