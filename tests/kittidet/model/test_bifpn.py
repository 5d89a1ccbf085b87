"""The pyramid's nodes are wired as published."""

import numpy as np
import pytest

from kittidet.model.bifpn import BiFpn, FusionNode, NodeSpec, cell_nodes

# Level and input offsets of the eight nodes, as printed from the reference.
PUBLISHED = [
    (6, (3, 4)), (5, (2, 5)), (4, (1, 6)), (3, (0, 7)),
    (4, (1, 7, 8)), (5, (2, 6, 9)), (6, (3, 5, 10)), (7, (4, 11)),
]  # fmt: skip


def test_a_cell_of_levels_3_to_7_has_the_published_nodes():
    assert [(node.level, node.inputs) for node in cell_nodes(3, 7)] == PUBLISHED


def test_a_cell_of_levels_3_to_8_has_ten_nodes_and_ends_at_the_coarsest():
    nodes = cell_nodes(3, 8)
    assert len(nodes) == 10
    assert (nodes[0].inputs, nodes[-1].level, nodes[-1].inputs) == ((4, 5), 8, (5, 14))


def test_negative_fusion_weights_count_as_zero_and_the_epsilon_is_in_the_sum():
    node = FusionNode(NodeSpec(3, (0, 1)), 4, (4, 4), fusion="fastattn", activation="swish")
    node.build()
    node.fusion_weights[0].assign(-0.5)
    node.fusion_weights[1].assign(2.0)
    a, b = np.random.default_rng(0).normal(size=(2, 1, 2, 2, 4)).astype(np.float32)
    np.testing.assert_allclose(node.fuse([a, b], (2, 2), training=False), b * (2.0 / (2.0 + 1e-4)), rtol=1e-6)


def test_plain_sums_have_no_weights():
    node = FusionNode(NodeSpec(3, (0, 1)), 4, (4, 4), fusion="sum", activation="relu6")
    node.build()
    assert node.fusion_weights == []
    a, b = np.random.default_rng(0).normal(size=(2, 1, 2, 2, 4)).astype(np.float32)
    np.testing.assert_allclose(node.fuse([a, b], (2, 2), training=False), a + b, rtol=1e-6)


def test_only_the_first_cell_projects_and_each_use_has_its_own():
    fpn = BiFpn("d0", (40, 112, 320))
    first = {position: sorted(node.projections) for position, node in enumerate(fpn.cells[0]) if node.projections}
    assert first == {1: ["0"], 2: ["0"], 3: ["0"], 4: ["0"], 5: ["0"]}
    assert not any(node.projections for cell in fpn.cells[1:] for node in cell)


@pytest.mark.parametrize("variant", ["d0", "d7x"])
def test_every_level_comes_out_at_its_size(variant):
    fpn = BiFpn(variant, (40, 112, 320))
    shapes = fpn.compute_output_shape([(None, 47, 156, 40), (None, 24, 78, 112), (None, 12, 39, 320)])
    sizes = [shape[1:3] for shape in shapes]
    assert sizes[:5] == [(47, 156), (24, 78), (12, 39), (6, 20), (3, 10)]
    assert sizes[5:] == ([(2, 5)] if variant == "d7x" else [])
