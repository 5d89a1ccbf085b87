"""The variant tables hold the published numbers."""

import pytest

from kittidet.config import VARIANTS
from kittidet.model.scaling import VARIANT_SPECS, backbone_spec, feature_sizes, round_filters, variant_spec

# Blocks of each published backbone, and channels of the maps with strides 2 to 32.
BACKBONES = {
    "b0": (16, (16, 24, 40, 112, 320)),
    "b1": (23, (16, 24, 40, 112, 320)),
    "b2": (23, (16, 24, 48, 120, 352)),
    "b3": (26, (24, 32, 48, 136, 384)),
    "b4": (32, (24, 32, 56, 160, 448)),
    "b5": (39, (24, 40, 64, 176, 512)),
    "b6": (45, (32, 40, 72, 200, 576)),
    "b7": (55, (32, 48, 80, 224, 640)),
    "lite0": (16, (16, 24, 40, 112, 320)),
    "lite1": (21, (16, 24, 40, 112, 320)),
    "lite2": (21, (16, 24, 48, 120, 352)),
    "lite3": (24, (24, 32, 48, 136, 384)),
    "lite4": (30, (24, 32, 56, 160, 448)),
}


def test_the_configuration_knows_the_same_variants():
    assert tuple(VARIANT_SPECS) == VARIANTS


def test_an_unknown_variant_is_refused_with_the_list():
    with pytest.raises(ValueError, match=r"'d8'.*d0, d1, .*d7x, lite0.*lite3x, lite4"):
        variant_spec("d8")
    with pytest.raises(ValueError, match=r"'b0'.*efficientnet-b0"):
        backbone_spec("b0")


@pytest.mark.parametrize("name", BACKBONES)
def test_backbones_have_the_published_blocks_and_channels(name):
    spec = backbone_spec(f"efficientnet-{name}")
    blocks, channels = BACKBONES[name]
    assert len(spec.blocks) == blocks
    assert tuple(spec.blocks[i].channels_out for i in spec.reductions) == channels
    assert all(a.channels_out == b.channels_in for a, b in zip(spec.blocks, spec.blocks[1:], strict=False))


def test_lite_keeps_its_stem_and_has_no_squeeze_and_excite():
    spec = backbone_spec("efficientnet-lite4")
    assert (spec.stem_filters, spec.blocks[0].channels_in, spec.blocks[0].channels_out) == (32, 32, 24)
    assert all(block.se_channels is None for block in spec.blocks)


def test_squeeze_and_excite_counts_the_blocks_input_channels():
    spec = backbone_spec("efficientnet-b0")
    assert [block.se_channels for block in spec.blocks[:4]] == [8, 4, 6, 6]


def test_drop_connect_is_off_for_b0_alone_and_grows_with_depth():
    assert {block.survival_prob for block in backbone_spec("efficientnet-b0").blocks} == {1.0}
    for name in ("efficientnet-b1", "efficientnet-lite0"):
        kept = [block.survival_prob for block in backbone_spec(name).blocks]
        assert kept[0] == 1.0
        assert kept[-1] == pytest.approx(1 - 0.2 * (len(kept) - 1) / len(kept))


@pytest.mark.parametrize(
    ("filters", "width", "expected"), [(32, 1.0, 32), (32, 1.1, 32), (320, 1.1, 352), (1, 1.0, 8), (24, 1.4, 32)]
)
def test_filters_are_rounded_to_eights_and_never_lose_a_tenth(filters, width, expected):
    assert round_filters(filters, width) == expected


@pytest.mark.parametrize(
    ("image_hw", "expected"),
    [
        ((1, 1), ((1, 1),) * 5),
        ((512, 512), ((64, 64), (32, 32), (16, 16), (8, 8), (4, 4))),
        ((375, 1242), ((47, 156), (24, 78), (12, 39), (6, 20), (3, 10))),
    ],
)
def test_each_level_halves_the_last_rounding_up(image_hw, expected):
    assert feature_sizes(image_hw, 7)[3:] == expected
