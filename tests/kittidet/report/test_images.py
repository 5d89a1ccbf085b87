import base64
import io

import pytest
from PIL import Image

from kittidet.config import ReportConfig
from kittidet.eval.diagnosis import LabelError
from kittidet.report.images import gallery_images, label_error_images
from kittidet.runs.run import read_run


@pytest.fixture(scope="module")
def run(finished_run, synthetic_tree):
    return read_run(finished_run, tree=synthetic_tree)


def test_no_doubts_leave_no_folder(run, tmp_path):
    assert label_error_images(tmp_path, run, []) == []
    assert list(tmp_path.iterdir()) == []


def test_two_doubts_of_one_frame_are_two_pictures_in_the_page_and_beside_it(run, tmp_path):
    frame_id = run.frames[0].frame_id
    doubt = LabelError(frame_id, "wrong_label", (10, 10, 90, 60), 0.9, "Car", "Van", 0.8)
    shots = label_error_images(tmp_path, run, [doubt, doubt])
    assert [s["png"] for s in shots] == [f"doubtful/01_{frame_id}.png", f"doubtful/02_{frame_id}.png"]
    for shot in shots:
        head, _, data = shot["data"].partition(",")
        assert head == "data:image/jpeg;base64"
        with Image.open(io.BytesIO(base64.b64decode(data))) as inside, Image.open(tmp_path / shot["png"]) as beside:
            assert inside.size == beside.size == (shot["width"], shot["height"])


def test_a_gallery_without_room_has_no_sheet(run, tmp_path):
    groups = gallery_images(tmp_path, run, ReportConfig(gallery_frames=0), 0.5)
    assert [(g["title"], g["shots"]) for g in groups] == [("Best", []), ("Worst", []), ("Random", [])]
    assert not list(tmp_path.glob("*.png"))
