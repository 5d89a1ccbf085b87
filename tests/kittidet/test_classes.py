"""kittidet.classes: an id means the same thing everywhere, or it is an error."""

import json

import pytest

from kittidet.classes import (
    CLASS_TABLES,
    COCO_IDS,
    COCO_OF_KITTI,
    DONT_CARE,
    KITTI3,
    KITTI8,
    KITTI_TYPES,
    ClassTable,
    class_table,
    coco_name,
    coco_table,
    label_name,
    match_classes,
    plain_name,
    table_of,
)
from kittidet.errors import ConfigError


@pytest.mark.parametrize("table", CLASS_TABLES.values())
def test_ids_are_one_based_and_name_their_class(table):
    assert [table.id_of(name) for name in table.names] == list(range(1, len(table) + 1))
    assert [table.name_of(i + 1) for i in range(len(table))] == list(table.names)


@pytest.mark.parametrize("class_id", [0, -1, 9])
def test_an_id_outside_the_table_is_refused(class_id):
    with pytest.raises(ValueError, match=r"expected 1\.\.8"):
        KITTI8.name_of(class_id)


@pytest.mark.parametrize("name", [DONT_CARE, "car", "Bus"])
def test_a_type_the_table_leaves_out_has_no_id(name):
    assert KITTI8.id_of(name) is None


def test_merged_types_share_an_id():
    assert KITTI3.id_of("Car") == KITTI3.id_of("Truck") == KITTI3.id_of("Vehicle") == 1
    assert KITTI3.id_of("Person_sitting") == KITTI3.id_of("Pedestrian") == 2
    assert KITTI3.id_of("Misc") is None


@pytest.mark.parametrize(("names", "merges"), [((), {}), (("A", "A"), {}), (("A",), {"B": "C"})])
def test_a_table_that_makes_no_sense_is_refused(names, merges):
    with pytest.raises(ConfigError):
        ClassTable(names, merges)


def test_two_tables_that_meet_must_agree_and_both_are_named():
    KITTI8.check_same(ClassTable(KITTI8.names), here="records", there="checkpoint")
    with pytest.raises(ConfigError, match="merges"):
        KITTI3.check_same(ClassTable(KITTI3.names), here="records", there="checkpoint")
    with pytest.raises(ConfigError, match=r"records has .*Vehicle.*checkpoint has .*Tram"):
        KITTI3.check_same(KITTI8, here="records", there="checkpoint")


def test_an_unknown_table_lists_the_known_ones():
    with pytest.raises(ConfigError, match="kitti3"):
        class_table("voc")


def test_the_coco_map_names_known_classes_on_both_sides():
    assert set(COCO_OF_KITTI) <= set(KITTI8.names)
    assert set(COCO_OF_KITTI.values()) <= set(COCO_IDS)


def test_coco_has_80_names_under_90_ids():
    table = coco_table()
    assert (len(table), len(COCO_IDS)) == (90, 80)
    known = {1: "person", 3: "car", 8: "truck", 12: "coco-12", 13: "stop sign", 44: "bottle", 90: "toothbrush"}
    assert {i: table.name_of(i) for i in known} == known


@pytest.mark.parametrize(
    ("classes", "table"),
    [("kitti3", KITTI3), ("coco", coco_table()), (KITTI3, KITTI3), (["cat"], ClassTable(("cat",)))],
)
def test_a_table_is_known_by_name_by_its_names_or_as_it_is(classes, table):
    assert table_of(classes) == table


@pytest.mark.parametrize("classes", ["voc", [], ["cat", "cat"]])
def test_what_is_no_table_is_refused(classes):
    with pytest.raises(ConfigError):
        table_of(classes)


def test_a_table_comes_back_from_json_and_says_what_it_ignores():
    for table in (KITTI8, KITTI3, ClassTable(("a",), {"b": "a"}, ("c",))):
        assert ClassTable.from_json(json.loads(json.dumps(table.to_json()))) == table
    assert "ignored" not in KITTI3.to_json()
    assert ClassTable(("a",), {}, ("c",)).describe() == "['a'] ignoring ['c']"
    assert ClassTable(("a",), {"b": "a"}, ("c",)).types == ("a", "b", "c", *KITTI_TYPES)


def test_a_table_says_what_becomes_of_types_that_it_does_not_list():
    refusing = ClassTable(("a",), {"b": "a"}, ("c",))
    leaving, ignoring = (ClassTable(("a",), {"b": "a"}, ("c",), unlisted) for unlisted in ("leave_out", "ignore"))
    kinds = ("a", "b", "c", "d", "Van", DONT_CARE)
    assert [k for k in kinds if refusing.refuses(k)] == ["d"]
    assert not any(table.refuses(k) for table in (leaving, ignoring) for k in kinds)
    assert [[k for k in kinds if t.ignores(k)] for t in (refusing, leaving, ignoring)] == [
        ["c"],
        ["c"],
        ["c", "d", "Van"],
    ]
    for table in (leaving, ignoring):
        assert ClassTable.from_json(json.loads(json.dumps(table.to_json()))) == table
        # The ids mean the same.
        table.check_same(refusing, here="records", there="checkpoint")
    assert "unlisted" not in refusing.to_json()
    assert leaving.describe() == "['a'] with merges {'b': 'a'} ignoring ['c']; others left out"
    with pytest.raises(ConfigError, match="unlisted 'drop', expected one of"):
        ClassTable.from_json({**refusing.to_json(), "unlisted": "drop"})


def test_names_are_compared_without_case_and_what_joins_their_words():
    assert label_name("traffic  light") == "traffic_light"
    assert plain_name("Traffic_light") == plain_name("traffic light") == plain_name("TRAFFIC-LIGHT")


@pytest.mark.parametrize(
    ("name", "coco"),
    [
        ("bicycle", "bicycle"),
        ("Bike", "bicycle"),
        ("motorbike", "motorcycle"),
        ("person", "person"),
        ("Pedestrian", "person"),
        ("Person_sitting", "person"),
        ("TV-monitor", "tv"),
        ("Sofa", "couch"),
        ("aeroplane", "airplane"),
        ("traffic_light", "traffic light"),
        ("Van", "car"),
        ("Tram", "train"),
        ("Cyclist", None),
        ("helmet", None),
    ],
)
def test_a_name_means_a_coco_class_by_itself_or_as_a_synonym(name, coco):
    assert coco_name(name) == coco
    assert coco is None or coco in COCO_IDS


@pytest.mark.parametrize(
    ("ours", "theirs", "pairs"),
    [
        (("bike", "Car", "helmet"), coco_table(), {"bike": "bicycle", "Car": "car"}),
        (("bike", "bicycle"), coco_table(), {"bike": "bicycle", "bicycle": "bicycle"}),
        (
            ("person", "van", "train", "lorry"),
            KITTI8,
            {"person": "Pedestrian", "van": "Van", "train": "Tram", "lorry": "Truck"},
        ),
        (("automobile",), KITTI8, {"automobile": "Car"}),
        (("truck", "tram"), KITTI3, {"truck": "Vehicle"}),
        (("bike", "lamp"), ClassTable(("Bicycle", "Lamp")), {"bike": "Bicycle", "lamp": "Lamp"}),
    ],
)
def test_classes_that_mean_the_same_are_matched_and_equal_names_come_first(ours, theirs, pairs):
    table = ClassTable(ours)
    found = match_classes(table, theirs)
    assert {table.name_of(i): theirs.name_of(k) for i, k in found.items()} == pairs


def test_a_merged_class_takes_after_the_first_of_its_types_that_has_a_counterpart():
    table = ClassTable(("two-wheeler", "walker"), {"scooter": "two-wheeler", "motorbike": "two-wheeler"})
    assert match_classes(table, coco_table()) == {1: COCO_IDS["motorcycle"], 2: COCO_IDS["person"]}
