"""appnas.spaces.images.condensenet: MONAS's second space."""

import pytest
import torch

from appnas.cost import counts
from appnas.space import IO
from appnas.spaces import CondenseNet
from appnas.spaces.images.condensenet import DenseLayer
from appnas.testing import SpaceSuite

TINY = CondenseNet(blocks=2, stages=(1, 2), growths=(2, 4), stem=4, groups=2, bottleneck=2)


@pytest.fixture
def io() -> IO:
    return IO((3, 8, 8), (5,))


class TestSpace(SpaceSuite):
    @pytest.fixture
    def space(self) -> CondenseNet:
        return TINY


def test_weights_by_hand(io: IO):
    """Stem; a layer of 2 on 4 channels; two of 4 on 6 and 10; the head on 14."""

    def layer(width: int, growth: int) -> int:
        inner = 2 * growth
        return 2 * width + width * inner // 2 + 2 * inner + 9 * inner * growth // 2

    stem, head = 3 * 4 * 9, 2 * 14 + 14 * 5 + 5
    by_hand = stem + layer(4, 2) + layer(6, 4) + layer(10, 4) + head
    assert counts.parameters(TINY.build((0, 1, 0, 1), io)) == by_hand


def test_a_layer_keeps_its_input():
    x = torch.randn(2, 4, 5, 5)
    y = DenseLayer(4, 2, 2, 2)(x)
    assert y.shape == (2, 6, 5, 5) and torch.equal(y[:, :4], x)


def test_no_supernet_and_checked_sizes(io: IO):
    with pytest.raises(TypeError, match="proxyless"):
        TINY.supernet(io)
    with pytest.raises(ValueError, match="multiples of groups=4"):
        CondenseNet(growths=(6,))
    with pytest.raises(ValueError, match="at least 1"):
        CondenseNet(stages=(0,))


def test_the_graph_by_hand():
    graph = CondenseNet(blocks=2, stages=(1, 2), growths=(4, 8)).graph((1, 0, 0, 1))["network"]
    ops = [op for _, op in graph.nodes(data="op") if op]
    assert ops == [("dense", "growth 4"), ("dense", "growth 4"), "avg_pool", ("dense", "growth 8")]
