from kittidet.config import CompareConfig, ReportConfig
from kittidet.eval.diagnosis import FrameCounts
from kittidet.report.gallery import choose_frames, gallery_images
from kittidet.report.measures import measure_run
from kittidet.runs.run import Run


def test_best_and_worst_are_by_f1_and_no_frame_is_shown_twice():
    counts = [FrameCounts(str(i), i, 5 - i, 0) for i in range(6)] + [FrameCounts("empty", 0, 0, 0)]
    chosen = choose_frames(counts, each=2, seed=1)
    assert [c.frame_id for c in chosen["best"]] == ["5", "4"]
    assert [c.frame_id for c in chosen["worst"]] == ["0", "1"]
    shown = [c.frame_id for group in chosen.values() for c in group]
    assert len(shown) == len(set(shown)) == 6
    assert choose_frames(counts, each=2, seed=1) == chosen
    assert choose_frames([], each=2, seed=1) == {"best": [], "worst": [], "random": []}


def test_a_frame_without_an_error_is_none_of_the_worst():
    perfect = [FrameCounts(str(i), 1, 0, 0) for i in range(3)]
    assert choose_frames(perfect, each=2, seed=1)["worst"] == []


def test_a_gallery_without_room_has_no_sheet(finished_run, synthetic_tree, tmp_path):
    run = Run.open(finished_run, tree=synthetic_tree)
    config = ReportConfig(gallery_frames=0)
    diagnosis = measure_run(run, min_score=config.min_score, draws=CompareConfig(resamples=100)).diagnosis
    groups = gallery_images(tmp_path, run, diagnosis, config)
    assert [(g["title"], g["images"]) for g in groups] == [("Best", []), ("Worst", []), ("Random", [])]
    assert not list(tmp_path.glob("*.png"))
