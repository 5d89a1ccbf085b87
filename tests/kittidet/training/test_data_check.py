"""What is odd about the data is said before the first step, each in a sentence of its own."""

import logging

import pytest

from kittidet.classes import KITTI3, ClassTable
from kittidet.errors import ConfigError
from kittidet.records.manifest import RecordsManifest
from kittidet.training.data_check import check_data

TABLE = ClassTable(("Car", "Van", "Tram"))


def records(counts, *, frames=40, most=12, table=TABLE):
    counts = dict.fromkeys(table.names, 0) | counts
    return RecordsManifest("train", frames, sum(counts.values()), 0, counts, table, most, 0, (), "digest")


def said(caplog, train, val, **changes):
    with caplog.at_level(logging.WARNING):
        check_data(train, val, **{"batch_size": 8, "max_detections": 100, **changes})
    return [record.getMessage() for record in caplog.records]


BOTH = records({"Car": 30, "Van": 5})


def test_nothing_odd_is_nothing_said(caplog):
    assert said(caplog, BOTH, BOTH) == []


def test_a_class_that_no_training_frame_shows_is_said_though_it_is_scored(caplog):
    (sentence,) = said(caplog, BOTH, records({"Car": 3, "Tram": 1200}))
    assert "the training set has none of: Tram 1,200. Their AP will be near 0" in sentence


def test_objects_of_one_class_alone_are_said_where_the_table_has_more(caplog):
    (sentence,) = said(caplog, records({"Van": 1500}), records({"Van": 4}))
    assert "all 1,500 objects to learn from are of one class, Van: the others (Car, Tram) will not be found" in sentence


def test_a_table_of_one_class_is_as_good_as_any(caplog):
    alone = records({"helmet": 9}, table=ClassTable(("helmet",)))
    assert said(caplog, alone, alone) == []


@pytest.mark.parametrize(("frames", "batch", "sentences"), [(8, 8, 0), (7, 8, 1), (1, 64, 1)])
def test_a_batch_larger_than_the_training_set_is_said(caplog, frames, batch, sentences):
    found = said(caplog, records({"Car": 9, "Van": 9}, frames=frames), BOTH, batch_size=batch)
    assert len(found) == sentences
    assert all(f"train.batch_size {batch} is more than the {frames} training frames" in one for one in found)


@pytest.mark.parametrize(("most", "sentences"), [(100, 0), (101, 1)])
def test_more_objects_in_a_frame_than_detections_are_said_with_the_setting(caplog, most, sentences):
    found = said(caplog, BOTH, records({"Car": 900, "Van": 5}, most=most))
    assert len(found) == sentences
    assert all("Set evaluation.max_detections=101 or more" in one for one in found)


def test_records_of_another_class_table_are_refused_with_both(caplog):
    with pytest.raises(ConfigError, match=r"the training records has .*Tram.*, the validation records has .*Vehicle"):
        said(caplog, BOTH, records({}, table=KITTI3))
