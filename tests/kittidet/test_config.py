"""kittidet.config: each default is written once, and cannot be changed behind anybody's back."""

import pytest
from pydantic import ValidationError

from kittidet.config import ComputeConfig, RunConfig, SourceConfig, ValidateConfig


def test_a_config_cannot_be_changed_after_it_was_checked():
    with pytest.raises(ValueError, match="frozen"):
        RunConfig().train.epochs = 3


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
