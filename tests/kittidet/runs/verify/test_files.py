"""kittidet.runs.verify.files: which file changed, was removed or came to it, by name."""

import json
import shutil

import pytest
from fixtures.damage import flip_a_bit

from kittidet.config import SourceConfig
from kittidet.kitti.tree import open_tree
from kittidet.runs.run import IDENTITY, REPORT_FILES, Run
from kittidet.runs.verify.files import check_data, check_outputs, check_published, check_reports
from kittidet.steps.fetch import dataset_tree, fetch
from kittidet.store import Store, step_key


@pytest.fixture
def run(published_copy) -> Run:
    return Run.open(published_copy)


def test_a_published_file_that_is_gone_is_named(run):
    (run.path / "val.txt").unlink()
    (problem,) = check_published(run).problems
    assert f"{run.path / 'val.txt'}: changed since it was written: expected sha256" in problem
    assert problem.endswith("found no file")


def test_a_run_of_a_version_that_sealed_nothing_is_checked_by_its_list_and_the_note_says_so(run):
    identity = json.loads((run.path / IDENTITY).read_text())
    del identity["seal"]
    (run.path / IDENTITY).write_text(json.dumps(identity))
    check = check_published(run)
    assert check.state == "same"
    assert "no seal" in check.note
    flip_a_bit(run.path / "history.csv")
    assert "history.csv" in check_published(run).problems[0]


def test_a_report_is_held_to_its_own_list_and_the_sheet_beside_it_to_a_report(run):
    assert check_reports(run).state == "same"
    flip_a_bit(run.path / "report" / "index.html")
    flip_a_bit(run.path / "results.png")
    assert [p.split(":")[0].rsplit("/", 1)[1] for p in check_reports(run).problems] == ["index.html", "results.png"]
    (run.path / "report" / REPORT_FILES).unlink()
    assert check_reports(run).state == "not checked"


def test_an_output_that_was_removed_is_not_checked_and_a_damaged_one_is_named(tmp_path):
    store = Store(tmp_path)
    keys = [step_key("a", n) for n in (1, 2, 3)]
    for key in keys:
        store.get_or_make(key, lambda folder: (folder / "file").write_text("alpha") and {})
    shutil.rmtree(store.path(keys[0]))
    flip_a_bit(store.path(keys[1]) / "file")
    gone, damaged, whole = check_outputs(store, keys, quick=True)
    assert (gone.state, damaged.state, whole.state) == ("not checked", "changed", "same")
    assert "no longer in" in gone.note
    assert "file: changed" in damaged.problems[0]
    assert whole.count == 2


@pytest.mark.parametrize("change", ["image", "label", "gone", "more"])
def test_a_file_of_a_persons_own_data_is_named(tmp_path, synthetic_root, change):
    root = shutil.copytree(synthetic_root / "training", tmp_path / "copy" / "training").parent
    store = Store(tmp_path / "store")
    output = fetch(store, SourceConfig(kind="folder", path=root))
    tree, content = dataset_tree(store, output), output.summary["content"]
    assert check_data(tree, content, store, output, quick=False).state == "same"
    label = tree.label_path("000003")
    if change == "more":
        label.with_name("000099.txt").write_text("")
        name = "000099.txt"
    elif change == "gone":
        label.unlink()
        name = label.name
    else:
        name = f"000003.{'png' if change == 'image' else 'txt'}"
        flip_a_bit(tree.image_path("000003") if change == "image" else label)
    for quick in (False, True):  # a change of a file shows in its times, which no program sets back
        (problem,) = check_data(open_tree(root), content, store, output, quick=quick).problems
        assert name in problem
        assert ("found no file" in problem) is (change == "gone")
        assert ("expected no file" in problem) is (change == "more")


def test_data_whose_inventory_is_not_known_is_refused_as_a_whole(tmp_path, synthetic_root):
    check = check_data(open_tree(synthetic_root), "0" * 64, Store(tmp_path), None, quick=False)
    assert f"{synthetic_root}: expected content 000" in check.problems[0]


def test_outputs_that_another_machine_made_are_fetched_and_checked(bucket, on_machine):
    key = step_key("demo", 1)
    on_machine("first")
    Store(bucket).get_or_make(key, lambda folder: (folder / "a").write_text("alpha") and {})
    on_machine("second")
    checks = list(check_outputs(Store(bucket), [key, step_key("gone", 1)], quick=False))
    assert [(check.state, check.count) for check in checks] == [("same", 2), ("not checked", 0)]
    assert checks[1].note == f"no longer in {bucket}"
