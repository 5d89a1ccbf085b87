"""kittidet augment: images of the configured data, changed as training changes them."""

import json

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from kittidet.__main__ import app


def test_images_of_the_configured_data_and_changes_are_written_to_a_folder(tmp_path, synthetic_root):
    out = tmp_path / "augmented"
    settings = [
        f"store_dir={json.dumps(str(tmp_path / 'store'))}",
        "model.input_hw=[96,320]",
        "train.augment.flip=false",
    ]
    result = CliRunner().invoke(
        app, ["augment", "--preview", str(out), "--frames", "11", "--data", str(synthetic_root), *settings]
    )
    assert result.exit_code == 0, result.output
    assert f"11 images written to {out}" in result.output.replace("\n", "")
    files = sorted(out.iterdir())
    # Eight frames train: the first are shown again, changed otherwise.
    assert [f.name[:3] for f in files] == [f"{n:03d}" for n in range(11)]
    assert len({f.name[4:] for f in files}) == 8
    with Image.open(files[0]) as image:
        assert image.size == (320, 96)
        assert np.asarray(image).std() > 10
