from pathlib import Path
from typing import get_args

import pytest

from kittidet.config_export import CALIBRATED, ExportFormat
from kittidet.errors import ExportError
from kittidet.export.formats import RAW_FORMATS, SAVED_MODEL, is_model_file, open_raw


def test_every_format_has_a_file_of_its_own_and_8_bits_are_judged_by_ap_alone():
    assert {SAVED_MODEL, *RAW_FORMATS} == set(get_args(ExportFormat))
    assert len({one.name for one in RAW_FORMATS.values()}) == len(RAW_FORMATS)
    assert {kind for kind, one in RAW_FORMATS.items() if one.tolerance is None} == CALIBRATED
    assert all(one.by_ap for kind, one in RAW_FORMATS.items() if "int8" in kind or "dynamic" in kind)
    assert "smaller, not faster" in RAW_FORMATS["tflite_dynamic"].words


def test_model_files_are_told_by_their_names(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    assert is_model_file(Path("a/model.TFLITE"))
    assert is_model_file(Path("model.onnx"))
    assert is_model_file(tmp_path)
    assert not is_model_file(tmp_path / "weights")


@pytest.mark.parametrize(("name", "kind"), [("m.tflite", "TFLite"), ("m.onnx", "ONNX"), ("m", "SavedModel")])
def test_each_kind_is_opened_by_its_runtime(name, kind, tmp_path):
    with pytest.raises(ExportError, match=kind):
        open_raw(tmp_path / name)
