"""What a person may set of exported models: formats, calibration, and how much AP a quantised one may lose."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from pydantic import Field, field_validator

from kittidet.config_types import Count
from kittidet.section import Section

ExportFormat: TypeAlias = Literal[
    "saved_model", "tflite_float16", "tflite_dynamic", "tflite_int8", "onnx", "onnx_int8", "onnx_int8_conv"
]
# Calibrated on frames; nothing tells how good such a file is but the AP that it keeps.
CALIBRATED: frozenset[ExportFormat] = frozenset({"tflite_int8", "onnx_int8", "onnx_int8_conv"})
# The demo's D0 kept its AP with 30 frames or more (.2165 and .2148 of .2150); with 8 it lost .007, and scores strayed
# by .32 where they strayed by .18 with 60.
FEWEST_CALIBRATION_FRAMES = 30
# Format that a person may ask for -> why there is none.
REFUSED_FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "tflite_int16x8": (
            "is wrong without a word: the class bias that five levels share is quantised with the scale of one of them "
            "(AP .08 of .21), and it is ten times slower. Take tflite_int8"
        ),
        "onnx_dynamic": (
            "is ten times slower than float32: ONNX Runtime has no fast integer convolution for it. Take onnx_int8"
        ),
    }
)


class ExportConfig(Section):
    """Exported models."""

    formats: tuple[ExportFormat, ...] = ("saved_model",)
    calibration_frames: int = Field(
        60, ge=FEWEST_CALIBRATION_FRAMES, le=10_000, description="training frames that 8-bit formats are calibrated on"
    )
    check_frames: Count = Field(200, description="at most so many validation frames tell the AP that an export keeps")
    max_ap_loss: float = Field(
        0.02, ge=0, lt=1, description="AP, of 0..1, that a quantised export may lose on these frames"
    )

    @field_validator("formats", mode="before")
    @classmethod
    def _refuse_by_name(cls, formats: Any) -> Any:
        for name in formats if isinstance(formats, (list, tuple)) else ():
            if name in REFUSED_FORMATS:
                raise ValueError(f"{name} {REFUSED_FORMATS[name]}")
        return formats
