"""Every weight has the reference's name, and the names are all of the reference's."""

from ast import literal_eval
from pathlib import Path

import pytest

from kittidet.model.efficientdet import build_efficientdet
from kittidet.model.reference_names import CLASS_ROWS, reference_variables
from kittidet.model.scaling import VARIANT_SPECS

LISTS = Path(__file__).parents[4] / "shared" / "oracle" / "variables"


def check_names(variant: str) -> None:
    file = LISTS / f"efficientdet-{'d6' if variant == 'd7' else variant}.txt"  # d7 is d6 with larger images
    if not file.is_file():
        pytest.skip(f"the reference's variable list is not here: {file}")
    model = build_efficientdet(variant, 3, (130, 258))
    named = reference_variables(model)
    trainable = {id(v) for v in model.trainable_variables}
    expected = {}
    for line in file.read_text().splitlines():
        name, shape, kind = line.split("\t")
        expected[name] = (literal_eval(shape), kind)
    kinds = {True: "trainable", False: "statistic"}
    assert {name: (tuple(v.shape), kinds[id(v) in trainable]) for name, v in named.items()} == expected


@pytest.mark.parametrize("variant", ["d0", "lite0"])
def test_small_variants_have_exactly_the_references_variables(variant):
    check_names(variant)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANT_SPECS)
def test_every_variant_has_exactly_the_references_variables(variant):
    check_names(variant)


def test_each_weight_is_named_once_and_the_class_rows_are_among_them():
    model = build_efficientdet("d0", 2, (96, 96))
    named = reference_variables(model)
    assert {id(v) for v in named.values()} == {id(v) for v in model.weights}
    assert len(named) == len(model.weights) == 493 + 216
    assert set(CLASS_ROWS) <= set(named)
