import pytest
from pydantic import ValidationError

from kittidet.config_export import CALIBRATED, REFUSED_FORMATS, ExportConfig


def test_sixty_frames_are_calibrated_on_and_no_fewer_than_thirty_may_be():
    assert ExportConfig().calibration_frames == 60
    assert ExportConfig(calibration_frames=30).calibration_frames == 30
    with pytest.raises(ValidationError, match="greater than or equal to 30"):
        ExportConfig(calibration_frames=29)


@pytest.mark.parametrize("name", REFUSED_FORMATS)
def test_a_format_that_misleads_is_refused_by_name_with_what_to_take(name):
    with pytest.raises(ValidationError, match=rf"{name} is .+ Take (tflite|onnx)_int8"):
        ExportConfig(formats=(name,))


def test_8_bit_formats_are_calibrated_and_no_other():
    assert sorted(CALIBRATED) == ["onnx_int8", "onnx_int8_conv", "tflite_int8"]
