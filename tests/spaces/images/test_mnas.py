"""appnas.spaces.images.mnas: the factorised hierarchical space, and the networks that its paper found."""

import random

import pytest
import torch
from torch import nn

from appnas.cost import counts
from appnas.space import IO, random_arch, size
from appnas.spaces import Mnas
from appnas.spaces.images.mnas import FOUND, Block, Layer, divisible
from appnas.spaces.parts import Style
from appnas.testing import SpaceSuite

IMAGENET = IO((3, 224, 224), (1000,))


@pytest.fixture
def io() -> IO:
    return IO((3, 8, 8), (5,))


class TestSpace(SpaceSuite):
    @pytest.fixture
    def space(self) -> Mnas:
        return Mnas((4, 6), (1, 2), (1, 2), stem=3, stem_stride=1, head=8, multiple=2)


def test_the_space_of_the_paper():
    """432 blocks, seven of them."""
    space = Mnas()
    assert size(space) == 432**7
    assert [len(choice.options) for choice in space.choices] == [4, 2, 2, 3, 3, 3]


@pytest.mark.parametrize(("name", "weights", "macs"), [("a1", 3_887_038, 311.6e6), ("b1", 4_383_312, 314.4e6)])
def test_the_networks_that_the_paper_found(name: str, weights: int, macs: float):
    """A1: 3.9 M and 312 M in the paper; B1: 4.4 M and 315 M, recalled."""
    network = Mnas().network(FOUND[name], IMAGENET)
    assert counts.parameters(network) == weights
    assert counts.macs(network, (torch.zeros(1, 3, 224, 224),)) == pytest.approx(macs, rel=1e-3)


def test_the_found_networks_are_points_of_the_space_up_to_two_widths():
    """With their own widths at factor 1, an architecture of the space is the network, block for block."""
    for name, blocks in FOUND.items():
        space = Mnas(widths=tuple(block.channels for block in blocks))
        ops, shortcuts = ("conv", "sep_conv", "mbconv3", "mbconv6"), ("pool", "identity", "no_shortcut")
        rows = [
            [ops.index(b.op) for b in blocks],
            [(3, 5).index(b.kernel) for b in blocks],
            [int(b.squeeze > 0) for b in blocks],
            [shortcuts.index(b.shortcut) for b in blocks],
            [1] * 7,
            [b.layers - n + 1 for b, n in zip(blocks, space.repeats, strict=True)],
        ]
        assert space.blocks(tuple(k for row in rows for k in row)) == blocks, name
        grid = [{divisible(f * w) for f in (0.75, 1, 1.25)} for w in Mnas().widths]
        off = [b.channels for b, widths in zip(blocks, grid, strict=True) if b.channels not in widths]
        assert off == {"a1": [112], "b1": [192]}[name]


def test_blocks_of_an_architecture():
    space = Mnas((4, 10), (1, 3), (1, 2), multiple=4)
    arch = (1, 3, 0, 1, 0, 1, 2, 0, 0, 2, 0, 2)
    assert space.blocks(arch) == (
        Block("sep_conv", 3, 0.0, "no_shortcut", 4, 1, 1),  # 0.75 x 4 and a layer less: never below the least
        Block("mbconv6", 5, 0.25, "pool", 12, 4, 2),
    )


def test_rounded_widths():
    """To the nearest multiple, up if more than a tenth would be lost."""
    assert [divisible(x) for x in (3, 12, 18, 24, 40, 11.9)] == [8, 16, 24, 24, 40, 16]


@pytest.mark.parametrize("op", ["conv", "sep_conv", "mbconv3"])
def test_shortcuts_are_where_shapes_agree(op: str):
    x = torch.randn(2, 8, 6, 6)
    for shortcut, stride, channels, kind in (
        ("identity", 1, 8, nn.Identity), ("identity", 2, 8, None), ("identity", 1, 4, None),
        ("pool", 1, 8, nn.AvgPool2d), ("pool", 2, 8, nn.AvgPool2d), ("pool", 1, 4, None), ("no_shortcut", 1, 8, None),
    ):  # fmt: skip
        layer = Layer(Block(op, 3, 0.25, shortcut, channels, 1, stride), 8, stride, Style())
        assert type(layer.shortcut) is (kind or type(None))
        assert layer(x).shape == (2, channels, 6 // stride, 6 // stride)


def test_squeeze_excitation_costs_weights_in_every_operation():
    for op in ("conv", "sep_conv", "mbconv3"):
        plain, squeezed = (Layer(Block(op, 3, s, "pool", 8, 1, 1), 8, 1, Style()) for s in (0.0, 0.25))
        assert counts.parameters(squeezed) > counts.parameters(plain)


def test_norms_and_dropout_are_the_paper_s():
    network = Mnas().network(FOUND["b1"], IMAGENET)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.01)}
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [0.2]


def test_it_has_no_supernet(io: IO):
    with pytest.raises(TypeError, match="use the space proxyless"):
        Mnas().supernet(io)


def test_sizes_are_checked():
    with pytest.raises(ValueError, match="one entry for each block, got 1, 7 and 7"):
        Mnas(widths=(3,))
    with pytest.raises(ValueError, match="at least 1"):
        Mnas((0,), (1,), (1,))


def test_random_networks_of_the_space_take_images():
    space, rng = Mnas((8, 8), (1, 1), (1, 2), stem=8, head=16), random.Random(3)
    for _ in range(3):
        network = space.build(random_arch(space, rng), IO((3, 16, 16), (4,)))
        assert network(torch.randn(2, 3, 16, 16)).shape == (2, 4)


def test_the_graph_has_a_node_a_layer():
    """Two blocks of 1 and 3 layers; a shortcut is a word only where shapes let it be there."""
    space = Mnas(widths=(8, 16), repeats=(1, 2), strides=(1, 2), stem=8)
    graph = space.graph((0, 3, 0, 1, 0, 1, 1, 1, 1, 1, 1, 2))["network"]
    ops = [op for _, op in graph.nodes(data="op") if op]
    inner = ("mbconv", "expand 6", "kernel 5", "squeeze 0.25", "width 16")
    assert ops == [
        ("conv", "kernel 3", "squeeze 0.0", "width 8", "stride 1", "identity"),
        (*inner, "stride 2", "no_shortcut"),
        (*inner, "stride 1", "identity"),
        (*inner, "stride 1", "identity"),
    ]
    assert list(graph.edges) == [("in", "1"), ("1", "2"), ("2", "3"), ("3", "4")]
