"""A longer training gets everything of the finished one that it goes on from, once and whole."""

import pytest

from kittidet.training.extension import RESULT, RESUME, go_on_from


@pytest.fixture
def finished(tmp_path):
    folder = tmp_path / "finished"
    for name in ("checkpoints/step-00000002/w", "tensorboard/train/e", f"{RESUME}/epoch-00002-batch-0000000/v"):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(name)
    for name in ("history.csv", "halved_rate.json", RESULT, "_output.json"):
        (folder / name).write_text(name)
    return folder


def files_of(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_everything_but_the_end_and_the_keepers_files_is_copied(finished, tmp_path):
    go_on_from(finished, tmp_path / "longer")
    assert files_of(tmp_path / "longer") == files_of(finished) - {RESULT, "_output.json"}


def test_what_was_copied_whole_is_left_alone_and_what_was_cut_short_is_copied_again(finished, tmp_path):
    longer = tmp_path / "longer"
    (longer / "checkpoints").mkdir(parents=True)
    go_on_from(finished, longer)
    state = longer / RESUME / "epoch-00002-batch-0000000" / "v"
    state.write_text("newer")
    go_on_from(finished, longer)
    assert state.read_text() == "newer"
    assert (longer / "checkpoints" / "step-00000002" / "w").is_file()
