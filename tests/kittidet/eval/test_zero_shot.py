"""A COCO detector on KITTI: scored where it has a word, listed where it has none."""

import json
from pathlib import Path

import numpy as np
import pytest

from kittidet.classes import KITTI3, KITTI8, ClassTable, coco_table
from kittidet.errors import EvaluationError
from kittidet.eval.zero_shot import coco_coverage, map_coco_detections, zero_shot_baseline
from kittidet.frame import Detections, Frame, KittiObject

CAR, VAN, WALKER, RIDER = (0, 0, 100, 80), (200, 0, 300, 90), (400, 0, 430, 90), (500, 0, 550, 90)
COCO_CAR, COCO_PERSON, COCO_BICYCLE, COCO_TRUCK = 3, 1, 2, 8


def frame(number, *objects):
    rows = tuple(
        KittiObject(kind, 0, 0, -10, tuple(map(float, xyxy)), (-1, -1, -1), (0, 0, 9), -10) for kind, xyxy in objects
    )
    return Frame(f"{number:06d}", Path("a.png"), (1242, 375), rows)


def found(number, *rows):
    return Detections(
        f"{number:06d}",
        np.array([row[1] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[2] for row in rows], np.float32),
        np.array([row[0] for row in rows], np.int32),
    )


FRAMES = [frame(i, ("Car", CAR), ("Van", VAN), ("Pedestrian", WALKER), ("Cyclist", RIDER)) for i in range(3)]


def test_each_coco_word_stands_for_one_class_and_every_other_class_has_a_reason():
    coverage = coco_coverage(KITTI8)
    assert {coco: KITTI8.name_of(i) for coco, i in coverage.class_of_coco.items()} == {
        3: "Car",
        8: "Truck",
        1: "Pedestrian",
        7: "Tram",
    }
    assert {kind: KITTI8.name_of(i) for kind, i in coverage.neutral.items()} == {
        "Van": "Car",
        "Person_sitting": "Pedestrian",
    }
    assert coverage.not_covered == {
        "Van": "COCO calls it car, as it does Car",
        "Person_sitting": "COCO calls it person, as it does Pedestrian",
        "Cyclist": "COCO has no class that resembles it",
        "Misc": "COCO has no class that resembles it",
    }


def test_own_classes_are_covered_by_their_names_and_synonyms():
    coverage = coco_coverage(ClassTable(("bike", "bicycle", "helmet", "sofa")))
    assert coverage.class_of_coco == {COCO_BICYCLE: 2, 63: 4}
    assert coverage.neutral == {"bike": 2}
    assert coverage.not_covered == {
        "bike": "COCO calls it bicycle, as it does bicycle",
        "helmet": "COCO has no class that resembles it",
    }


def test_a_merged_class_takes_every_word_of_its_types():
    coverage = coco_coverage(KITTI3)
    assert coverage.class_of_coco == {3: 1, 8: 1, 1: 2}
    assert coverage.neutral == {}
    assert set(coverage.not_covered) == {"Cyclist"}


def test_detections_get_the_tables_ids_and_other_coco_classes_are_left_out():
    mixed = found(0, (COCO_BICYCLE, RIDER, 0.9), (COCO_PERSON, WALKER, 0.8), (90, CAR, 0.7), (COCO_TRUCK, VAN, 0.6))
    (mapped,) = map_coco_detections([mixed], KITTI8)
    assert [KITTI8.name_of(i) for i in mapped.class_ids] == ["Pedestrian", "Truck"]
    np.testing.assert_array_equal(mapped.xyxy, np.array([WALKER, VAN], np.float32))
    (nothing,) = map_coco_detections([found(1)], KITTI8)
    assert len(nothing) == 0


@pytest.mark.parametrize("engine", ["pycocotools", "hotcoco"])
def test_a_perfect_coco_detector_scores_1_on_what_it_knows_and_the_rest_is_listed(engine):
    coco = [
        found(i, (COCO_CAR, CAR, 0.9), (COCO_CAR, VAN, 0.95), (COCO_PERSON, WALKER, 0.9), (COCO_BICYCLE, RIDER, 0.9))
        for i in range(3)
    ]
    tuned = [found(i, (1, CAR, 0.9)) for i in range(3)]
    baseline = zero_shot_baseline(FRAMES, coco, KITTI8, fine_tuned=tuned, engine=engine)
    assert baseline.zero_shot.ap == pytest.approx(1)
    assert baseline.zero_shot.per_class_count == {**dict.fromkeys(KITTI8.names, 0), "Car": 3, "Pedestrian": 3}
    assert baseline.fine_tuned.ap == pytest.approx(0.5)
    assert baseline.fine_tuned.per_class_ap["Pedestrian"] == 0
    assert baseline.zero_shot.per_class_ap["Cyclist"] is None
    assert baseline.coco_words["Car"] == ("car",)
    assert baseline.neutral == {"Van": "Car", "Person_sitting": "Pedestrian"}
    content = baseline.to_json()
    assert json.loads(json.dumps(content, allow_nan=False)) == content


def test_a_detector_that_finds_nothing_scores_0():
    baseline = zero_shot_baseline(FRAMES, [], KITTI8, fine_tuned=[], engine="hotcoco")
    assert baseline.zero_shot.ap == baseline.fine_tuned.ap == 0


def test_frames_without_a_covered_object_cannot_be_scored():
    with pytest.raises(EvaluationError, match="no ground truth"):
        zero_shot_baseline([frame(0, ("Cyclist", RIDER))], [], KITTI8, fine_tuned=[], engine="hotcoco")


def test_cocos_table_has_90_ids():
    table = coco_table()
    assert len(table) == 90
    assert table.name_of(COCO_PERSON) == "person"
    assert table.name_of(COCO_TRUCK) == "truck"
    assert table.name_of(12) == "coco-12"
