"""appnas.spaces.images.alexnet: MONAS's first space."""

import pytest

from appnas.cost import counts
from appnas.space import IO
from appnas.spaces import AlexNet
from appnas.testing import SpaceSuite


@pytest.fixture
def io() -> IO:
    return IO((3, 9, 8), (5,))


class TestSpace(SpaceSuite):
    @pytest.fixture
    def space(self) -> AlexNet:
        return AlexNet(layers=2, pools=(1,), filters=(2, 3), kernels=(1, 3), hidden=6)


def test_weights_by_hand(io: IO):
    """Convolutions with norms, and three linear layers after a pooling of 9 x 8 to 5 x 4."""
    space = AlexNet(layers=2, pools=(1,), filters=(2, 3), kernels=(1, 3), hidden=6)
    convolutions = 3 * 2 * 9 + 2 * 2 + 2 * 3 * 1 + 2 * 3
    dense = (3 * 5 * 4 + 1) * 6 + 7 * 6 + 7 * 5
    assert counts.parameters(space.build((0, 1, 1, 0), io)) == convolutions + dense


def test_no_supernet_and_checked_sizes(io: IO):
    with pytest.raises(TypeError, match="proxyless"):
        AlexNet().supernet(io)
    with pytest.raises(ValueError, match="kernels odd"):
        AlexNet(kernels=(4,))


def test_the_graph_by_hand():
    graph = AlexNet(layers=2, pools=(1,)).graph((0, 3, 2, 1))["network"]
    ops = [op for _, op in graph.nodes(data="op") if op]
    assert ops == [("conv", "width 8", "kernel 7"), "max_pool", ("conv", "width 48", "kernel 5")]
