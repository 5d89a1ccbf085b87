import shutil
from pathlib import Path

import pytest

from kittidet.config import EvalConfig
from kittidet.detect.detector import Detector
from kittidet.errors import ExportError
from kittidet.export.benchmark import find_exports, run_benchmark
from kittidet.export.tflite import write_tflite

pytestmark = [
    pytest.mark.usefixtures("tiny_models"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow"),
]


@pytest.fixture(scope="module")
def exports(tiny_checkpoint, tiny_models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    write_tflite(Detector.load(tiny_checkpoint).network, folder / "model_float16.tflite", precision="float16")
    (folder / "README.md").touch()
    return folder


def test_exports_are_found_by_their_names(exports, tmp_path):
    assert [path.name for path in find_exports(exports)] == ["model_float16.tflite"]
    with pytest.raises(ExportError, match="kittidet export"):
        find_exports(tmp_path / "nowhere")


def test_every_export_stands_beside_keras_with_size_times_and_ap_of_the_same_frames(
    tiny_checkpoint, tiny_records, exports
):
    done = run_benchmark(
        tiny_checkpoint,
        find_exports(exports),
        rounds=3,
        threads=1,
        val_records=tiny_records[1],
        check_frames=4,
        evaluation=EvalConfig(),
    )
    keras, file = done.rows
    assert (keras.name, keras.speedup, file.name) == ("Keras", 1.0, "model_float16.tflite")
    assert file.speedup == pytest.approx(keras.best_ms / file.best_ms)
    assert 0 < file.best_ms <= file.median_ms
    assert file.megabytes == pytest.approx((exports / file.name).stat().st_size / 1e6)
    assert (done.frames, done.threads, done.rounds, done.input_hw) == (4, 1, 3, (64, 128))
    assert file.ap == pytest.approx(keras.ap, abs=0.1)
    assert keras.ap > 0.3
    assert done.to_json()["rows"][1]["ap"] == file.ap


def test_without_records_there_is_no_ap_and_files_of_one_name_are_told_apart(tiny_checkpoint, exports, tmp_path):
    twin = Path(shutil.copy(exports / "model_float16.tflite", tmp_path))
    done = run_benchmark(tiny_checkpoint, [*find_exports(exports), twin], rounds=1, threads=1)
    assert [row.ap for row in done.rows] == [None] * 3
    assert [row.name for row in done.rows] == ["Keras", str(exports / twin.name), str(twin)]
    assert done.frames == 0
