"""kittidet.retraining.changes: what is the same is not trained again."""

import pytest

from kittidet.registry.records import Lineage, Metric, ModelVersion
from kittidet.retraining.changes import Origin, made_before

NOW = Origin("data", "settings", "code")


def a_version(number: int, origin: Origin) -> ModelVersion:
    return ModelVersion(
        model="m",
        version=number,
        run_digest=str(number),
        run_path="",
        checkpoint="",
        lineage=Lineage(
            data=origin.data,
            split="",
            config=origin.settings,
            code=origin.code,
            commit="",
            started_from="",
        ),
        metrics={"ap": Metric(value=0.5)},
        per_class_ap={},
        confidence=0.95,
        n_train=1,
        n_val=1,
        variant="d0",
        input_hw=(1, 1),
        is_synthetic=False,
        files={},
    )


@pytest.mark.parametrize(
    ("other", "changed"),
    [
        (NOW, ()),
        (Origin("new", "settings", "code"), ("data",)),
        (Origin("data", "new", None), ("settings", "code")),
    ],
)
def test_what_differs_is_named(other, changed):
    assert NOW.differs_from(other) == changed


def test_the_champion_or_a_later_version_of_the_same_origin_was_made_before():
    old, other = Origin("old", "settings", "code"), Origin("other", "settings", "code")
    versions = [a_version(1, NOW), a_version(2, old), a_version(3, NOW)]
    assert made_before(NOW, versions, versions[1]).version == 3
    assert made_before(NOW, versions[:2], versions[1]) is None
    assert made_before(old, versions, versions[1]).version == 2
    assert made_before(other, versions, versions[0]) is None
