"""tasks.publish: the run's folder, and its page."""

from kittidet.store import Store
from tasks import publish as module
from tasks.publish import publish, run_page


def test_results_stand_for_every_output(prepared, results):
    outputs = results.outputs(Store(prepared.store_dir))
    assert outputs.trained.path.is_dir()
    assert [e.summary["step"] for e in outputs.evaluations] == [1, 2, 3]


def test_the_run_is_shown_as_table_link_gallery_and_page(prepared, results, monkeypatch, tmp_path):
    shown: dict = {}
    for name in ("show_table", "show_text"):
        monkeypatch.setattr(module, name, lambda key, value, description: shown.update({key: value}))
    monkeypatch.setattr(module, "show_link", lambda key, link, text, description: shown.update({key: link}))
    config = prepared.config.model_copy(update={"runs_dir": tmp_path / "runs"})
    run = publish.fn(prepared.store_dir, config, results)
    assert run.path == tmp_path / "runs" / "prepared"
    assert (run.summary["best_step"], run.cached) == (2, False)
    assert shown["kitti-run-folder"] == run.path.as_uri()
    assert [row["ap"] for row in shown["kitti-ap-by-checkpoint"]] == [0.1, 0.5, 0.3]
    assert "data:image/jpeg" in shown["kitti-predictions"]
    assert publish.fn(prepared.store_dir, config, results).cached


def test_the_page_names_classes_without_ground_truth(tmp_path):
    page = run_page(
        tmp_path,
        {
            "ap": 0.25,
            "ap50": 0.5,
            "ap75": None,
            "best_step": 20,
            "best_epoch": 2,
            "n_train": 8,
            "n_val": 2,
            "n_set_aside": 0,
            "per_class_ap": {"Car": 0.25, "Tram": None},
            "per_class_ap50": {"Car": 0.5, "Tram": None},
            "counts": {"val": {"Car": 4}},
            "digests": {"data": "a" * 64},
        },
    )
    assert "# AP 0.250 at step 20 (epoch 2)" in page
    assert "| Car | 0.250 | 0.500 | 4 |" in page
    assert "| Tram | no ground truth | no ground truth | 0 |" in page
    assert f"| data | `{'a' * 16}` |" in page
