"""kittidet.config_records: the classes of labels, as a person may name them."""

from typing import get_args

import pytest
from pydantic import ValidationError

from kittidet.classes import CLASS_TABLES, ClassTable
from kittidet.config import ClassTableName, RecordsConfig


def test_every_class_table_can_be_chosen():
    assert set(get_args(ClassTableName)) == set(CLASS_TABLES)


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["helmet", "vest"], ClassTable(("helmet", "vest"))),
        (["traffic light"], ClassTable(("traffic_light",))),
        (
            {"names": ["rider", "car"], "merges": {"Cyclist": "rider"}, "ignored": ["glare"]},
            ClassTable(("rider", "car"), {"Cyclist": "rider"}, ("glare",)),
        ),
    ],
)
def test_classes_can_be_ones_own(classes, expected):
    """case: own_class"""
    config = RecordsConfig.model_validate({"classes": classes})
    assert config.table() == expected
    assert RecordsConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    "classes",
    [
        "kitti9",
        [],
        ["a", "a"],
        ["DontCare"],
        {"names": ["a"], "merges": {"b": "c"}},
        {"names": ["a"], "ignored": ["a"]},
        {"merges": {}},
    ],
)
def test_classes_that_make_no_table_are_refused(classes):
    with pytest.raises(ValidationError, match="class"):
        RecordsConfig.model_validate({"classes": classes})


@pytest.mark.parametrize("classes", ["kitti3", ["helmet"], {"names": ["helmet"]}])
def test_what_becomes_of_types_that_are_not_listed_is_part_of_any_table(classes):
    assert RecordsConfig(classes=classes).table().unlisted == "refuse"
    assert RecordsConfig(classes=classes, unlisted="ignore").table().unlisted == "ignore"


def test_a_type_is_neutral_for_a_class_that_does_not_hold_it():
    config = RecordsConfig(neutral={"Van": "Car", "person sitting": "Pedestrian"})
    assert config.neutral_types() == {"Van": "Car", "person_sitting": "Pedestrian"}
    for classes, neutral, said in (
        ("kitti8", {"Van": "Bus"}, "Van: Bus is none of the classes Car, Van"),
        ("kitti3", {"Van": "Vehicle"}, "Van: its boxes are labelled as Vehicle"),
        ({"names": ["Car"], "ignored": ["Van"]}, {"Van": "Car"}, "Van: its boxes are ignored for every class"),
    ):
        with pytest.raises(ValidationError, match=said):
            RecordsConfig(classes=classes, neutral=neutral)
