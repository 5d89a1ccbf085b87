from pathlib import Path

import numpy as np
import pytest

from kittidet.errors import ExportError
from kittidet.export.signature import Port, RawModel, fit_ports

FILE = Path("m.tflite")
IMAGES = Port("images", (None, 64, 128, 3), "float32")
LOGITS, CODES = Port("a", (None, 90, 8), "float32"), Port("b", (None, 90, 4), "float32")
NAMED = Port("class_logits", (1, 90, 4), "float32"), Port("box_codes", (1, 90, 4), "float32")


def test_outputs_are_told_by_name_and_else_by_shape():
    assert fit_ports(FILE, [IMAGES], [CODES, LOGITS]) == (IMAGES, LOGITS, CODES)
    assert fit_ports(FILE, [IMAGES], NAMED[::-1]) == (IMAGES, *NAMED)


FOREIGN = {
    "two inputs": ([IMAGES, IMAGES], [LOGITS, CODES], "takes 2 inputs"),
    "channels first": ([Port("x", (1, 3, 64, 128), "float32")], [LOGITS, CODES], "channels first"),
    "encoded images": ([Port("image_bytes", (None,), "str")], [LOGITS, CODES], "no batch of RGB images"),
    "fixed batch": ([Port("x", (8, 64, 128, 3), "float32")], [LOGITS, CODES], "batches of 8 images alone"),
    "detections": (
        [IMAGES],
        [Port("boxes", (1, 100, 4), "float32"), Port("scores", (1, 100), "float32"), Port("n", (1,), "float32")],
        "not those of the network",
    ),
    "four classes without names": ([IMAGES], [CODES, CODES], "not those of the network"),
    "anchors that differ": ([IMAGES], [LOGITS, Port("b", (None, 91, 4), "float32")], "not those of the network"),
    "integers without a scale": ([Port("x", (1, 64, 128, 3), "uint8")], [LOGITS, CODES], "x holds integers"),
    "text": ([IMAGES], [Port("a", (None, 90, 8), "str"), CODES], "a holds str"),
}


@pytest.mark.parametrize(("inputs", "outputs", "said"), FOREIGN.values(), ids=FOREIGN.keys())
def test_what_does_not_fit_is_said_with_what_the_file_has(inputs, outputs, said):
    with pytest.raises(ExportError, match=rf"m\.tflite: .*{said}.*\. It has in: .*; out: .*Expected one input"):
        fit_ports(FILE, inputs, outputs)


def test_integers_in_and_out_are_scaled_by_the_files_own_numbers():
    port = Port("x", (1, 1, 2, 3), "int8", 0.5, -10)
    values = np.array([-100.0, -3.0, 0.1, 100.0], np.float32)
    assert port.encode(values).tolist() == [-128, -16, -10, 127]
    np.testing.assert_array_equal(port.decode(port.encode(values)), [-59.0, -3.0, 0.0, 68.5])
    assert port.limits == (-59.0, 68.5)


@pytest.mark.parametrize(("batch", "calls"), [(1, [1, 1, 1]), (None, [3])])
def test_a_file_of_one_image_is_run_image_by_image(batch, calls):
    seen = []

    def invoke(images):
        seen.append(len(images))
        return {"a": np.ones((len(images), 90, 8)), "b": images[:, 0, :1, :1].repeat(90, 1).repeat(4, 2)}

    images = np.arange(3, dtype=np.float32).reshape(3, 1, 1, 1) * np.ones((1, 2, 2, 3), np.float32)
    found = RawModel(FILE, Port("x", (batch, 2, 2, 3), "float32"), LOGITS, CODES, invoke)(images)
    assert seen == calls
    assert found["class_logits"].shape == (3, 90, 8)
    assert found["box_codes"][:, 0, 0].tolist() == [0, 1, 2]
    assert {v.dtype for v in found.values()} == {np.dtype("float32")}
