import numpy as np
import pytest

from kittidet.errors import ExportError
from kittidet.export import budget
from kittidet.export.budget import (
    check_runtime,
    find_candidates,
    fit_lines,
    image_size_wh,
    input_sizes,
    measure,
    predict_ms,
)


def test_input_sizes_have_the_shape_of_the_images_in_whole_strides():
    assert input_sizes((1242, 375), [512, 1280]) == [(160, 512), (416, 1280)]
    assert input_sizes((1000, 10), [512]) == [(32, 512)]


def test_the_images_size_comes_from_the_records(records):
    assert image_size_wh(records) == (124, 38)


def test_a_line_in_pixels_predicts_what_was_not_measured():
    measured = {("d0", (100, 100)): 12.0, ("d0", (400, 400)): 162.0, ("d1", (100, 100)): 20.0, ("d1", (200, 200)): 80.0}
    lines = fit_lines(measured)
    assert predict_ms(lines, "d0", (200, 200)) == pytest.approx(42.0)
    assert predict_ms(lines, "d1", (100, 100)) == pytest.approx(20.0)
    with pytest.raises(ValueError, match="two sizes or more of d2"):
        fit_lines({("d2", (100, 100)): 1.0})


def test_the_slowest_that_fits_is_picked_among_those_whose_anchors_reach_the_objects(tmp_path, monkeypatch):
    covered = {("d0", 200): 0.90, ("d0", 400): 0.95, ("d1", 200): 0.94, ("d1", 400): 0.99}
    monkeypatch.setattr(budget, "read_manifest", lambda folder: None)
    monkeypatch.setattr(
        budget, "share_covered", lambda folder, manifest, model: covered[model.variant, model.input_hw[1]]
    )
    lines = {"d0": np.array([1e-4, 0.0]), "d1": np.array([2e-4, 0.0])}
    found = find_candidates(lines, [(200, 200), (400, 400)], latency_ms=20, records_dir=tmp_path)
    # d1 at 400 takes 32 ms; d1 at 200 takes 8 ms and reaches as many objects as d0 at 400 in 16 ms.
    assert [(one.variant, one.input_hw[1]) for one in found] == [("d0", 400), ("d1", 200), ("d0", 200)]
    assert found[0].predicted_ms == pytest.approx(16)
    with pytest.raises(ExportError, match=r"nothing fits 1 ms: the fastest, d0 at 200 x 200, takes 4\.0 ms"):
        find_candidates(lines, [(200, 200)], latency_ms=1, records_dir=tmp_path)


def test_a_runtime_that_is_none_is_named_with_those_there_are():
    check_runtime("keras")
    check_runtime("tflite_int8")
    with pytest.raises(ExportError, match="--on coreml: expected one of keras, onnx"):
        check_runtime("coreml")


@pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow")
@pytest.mark.parametrize("runtime", ["keras", "tflite_int8"])
def test_networks_are_timed_in_the_runtime_that_is_asked_for(runtime, monkeypatch):
    from fixtures.tiny_models import tiny_efficientdet

    monkeypatch.setattr(budget, "build_efficientdet", tiny_efficientdet)
    points = [("d0", (64, 128)), ("d0", (128, 256))]
    times = measure(points, runtime=runtime, classes=8, threads=1, rounds=2)
    assert list(times) == points
    assert all(0 < one.best_ms <= one.median_ms for one in times.values())
