"""kittidet.config: each default is written once, and cannot be changed behind anybody's back."""

from typing import get_args

import pytest
from pydantic import ValidationError

from kittidet.classes import CLASS_TABLES, ClassTable
from kittidet.config import ClassTableName, ComputeConfig, RecordsConfig, RunConfig, SourceConfig, ValidateConfig


def test_every_class_table_can_be_chosen():
    assert set(get_args(ClassTableName)) == set(CLASS_TABLES)


def test_a_config_cannot_be_changed_after_it_was_checked():
    with pytest.raises(ValueError, match="frozen"):
        RunConfig().train.epochs = 3


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


@pytest.mark.parametrize("address", ["host:8786", "tcp://host", "http://host:8786", "tcp://me:word@host:8786"])
def test_a_scheduler_s_address_is_one_that_dask_knows(address):
    with pytest.raises(ValidationError, match="address"):
        ComputeConfig.model_validate({"runner": "dask", "address": address})
    assert ComputeConfig(runner="dask", address="tcp://host:8786").address == "tcp://host:8786"


@pytest.mark.parametrize("sides", [[0, 100], [32, 8193], [100, 32]])
def test_image_sides_that_nothing_reads_cannot_be_set(sides):
    with pytest.raises(ValidationError, match="side_px"):
        ValidateConfig.model_validate({"side_px": sides})


def test_kitti_names_a_folder_of_its_files_as_coco_and_yolo_name_theirs():
    assert SourceConfig.model_validate({"kind": "kitti", "path": "/data"}) == SourceConfig(kind="folder", path="/data")
