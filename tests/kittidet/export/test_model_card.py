import re
from dataclasses import replace

import pytest

from kittidet.classes import KITTI8, ClassTable
from kittidet.config import EvalConfig, ModelConfig
from kittidet.detect.checkpoint import DetectorFacts
from kittidet.eval.interval import ApIntervals
from kittidet.export.agreement import Agreement
from kittidet.export.held_out import ApKept
from kittidet.export.model_card import ExportedFile, RunScores, write_card

FACTS = DetectorFacts(ModelConfig(variant="d2"), KITTI8, step=77, epoch=3, records_digest="cd" * 32)
FILES = [ExportedFile("saved_model", "SavedModel", 31.25, Agreement(3, 12, 0.0004, 0.998))]
RUN = RunScores(
    {
        "ap": 0.55,
        "ap50": 0.81,
        "per_class_ap": {"Car": 0.7, "Tram": None},
        "per_class_ap50": {"Car": 0.9, "Tram": None},
        "n_train": 5985,
        "n_val": 1496,
        "split": "random80",
        "digests": {"split": "ef" * 32},
        "leakage": {"shared_val_frames": 1400, "share": 0.94},
    },
    ApIntervals((0.53, 0.57), (0.8, 0.82), (0.5, 0.6), {"Car": (0.68, 0.72), "Tram": None}, 0.95, 1496),
    "official",
)


def test_the_card_names_data_split_scores_licence_and_limits():
    card = write_card(FACTS, FILES, EvalConfig(), RUN)
    for words in (
        "EfficientDet-D2",
        "| `saved_model` | SavedModel | 31.2 | 0.0004 | 0.998 |",
        "5985 frames",
        "ef" * 32,
        "94% of validation frames",
        "| all | 0.550 | 0.530 to 0.570 | 0.810 |",
        "| Tram | no ground truth |  | no ground truth |",
        "CC BY-NC-SA 3.0",
        "non-commercial",
        "## Limits",
        "Night",
    ):
        assert words in card


def test_the_card_says_what_became_of_labels_of_other_types():
    facts = replace(FACTS, table=replace(KITTI8, unlisted="leave_out"))
    assert "Labels of other types were left out." in write_card(facts, FILES, EvalConfig(), RUN)
    assert "other types" not in write_card(FACTS, FILES, EvalConfig(), RUN)


KEPT = ExportedFile("m.tflite", "8 bits", 5.0, None, ApKept(30, 0.215, 0.2148, 0.181, calibrated_on=60))


def test_a_file_judged_by_ap_says_how_much_it_keeps_on_which_frames_and_how_far_scores_stray():
    card = write_card(FACTS, [*FILES, KEPT], EvalConfig(), RUN)
    for words in (
        "| `m.tflite` | 8 bits | 5.0 | 0.1810 |  | 0.2148 of 0.2150 |",
        "| `saved_model` | SavedModel | 31.2 | 0.0004 | 0.998 |  |",
        "on 30 validation frames that are not among those it was calibrated on",
        "calibrated on 60 training frames",
        "Each with an overlap was run on 3 images",
    ):
        assert words in card
    alone = write_card(FACTS, [KEPT], EvalConfig(), RUN)
    assert "with an overlap" not in alone
    assert "calibrated" not in write_card(FACTS, FILES, EvalConfig(), RUN)


def test_every_table_has_as_many_cells_as_its_head():
    card = write_card(FACTS, [*FILES, KEPT], EvalConfig(), RUN)
    for table in re.findall(r"(?:^\|.*\n)+", card, re.MULTILINE):
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_a_checkpoint_without_a_run_has_no_scores_and_says_so():
    card = write_card(FACTS, FILES, EvalConfig(), None)
    assert "Not known" in card
    assert "cdcdcdcd" in card


def test_the_example_in_the_card_is_python():
    card = write_card(FACTS, FILES, EvalConfig(), None)
    compile(re.search(r"```python\n(.*?)```", card, re.DOTALL)[1], "card", "exec")


def test_a_detector_of_synthetic_scenes_says_so_before_anything_else():
    card = write_card(FACTS, FILES, EvalConfig(), replace(RUN, source="synthetic"))
    assert card.startswith("# EfficientDet-D2 on synthetic scenes, not KITTI\n\n> **Trained and scored on synthetic")
    assert "Trained on KITTI" not in card
    assert "synthetic" not in write_card(FACTS, FILES, EvalConfig(), RUN)


def test_an_ap_beyond_cocos_limit_comes_with_the_one_at_it():
    run = replace(RUN, summary={**RUN.summary, "max_detections": 300, "ap_at_100": 0.54})
    assert "with COCO's limit of 100, as in published results, it is 0.540." in write_card(
        FACTS, FILES, EvalConfig(), run
    )


@pytest.mark.parametrize(
    ("names", "source", "title", "is_kitti"),
    [
        (KITTI8.names, "folder", "KITTI 2D", True),
        (KITTI8.names, None, "KITTI 2D", True),
        (KITTI8.names, "synthetic", "synthetic scenes, not KITTI", False),
        (KITTI8.names, "coco", "a data set of its own", False),
        (("helmet",), "yolo", "a data set of its own", False),
        (("helmet",), "folder", "a data set of its own", False),
        (("helmet",), None, "a data set of its own", False),
    ],
)
def test_only_what_was_trained_on_kitti_says_so(names, source, title, is_kitti):
    run = None if source is None else replace(RUN, source=source)
    card = write_card(replace(FACTS, table=ClassTable(names)), FILES, EvalConfig(), run)
    assert card.startswith(f"# EfficientDet-D2 on {title}\n")
    says_kitti = "KITTI" in card.replace("synthetic scenes, not KITTI", "")
    assert says_kitti == ("front camera" in card) == ("non-commercial" in card) == is_kitti
    assert "## Licence" in card


def test_a_registered_run_tells_what_it_was_made_from():
    card = write_card(
        FACTS, FILES, EvalConfig(), replace(RUN, origin=(("version", "street 3"), ("started from", "version 1")))
    )
    assert "## Origin" in card
    assert "| started from | version 1 |" in card
    assert "## Origin" not in write_card(FACTS, FILES, EvalConfig(), RUN)
