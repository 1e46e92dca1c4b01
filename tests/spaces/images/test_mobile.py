"""appnas.spaces.images.mobile: bottlenecks, and the space of ProxylessNAS with its supernet."""

import dataclasses

import pytest
import torch
from torch import nn

from appnas.cost import counts
from appnas.space import IO, Arch, parse, size
from appnas.spaces import Proxyless
from appnas.spaces.images.mobile import Bottleneck, Residual, SqueezeExcite
from appnas.spaces.parts import Style
from appnas.testing import SpaceSuite, SupernetSuite

TINY = Proxyless(stem=4, stem_stride=1, first=3, widths=(4, 5), blocks=(2, 1), strides=(2, 1), head=8, dropout=0.0)
IMAGENET = IO((3, 224, 224), (1000,))


@pytest.fixture
def io() -> IO:
    return IO((3, 8, 8), (5,))


@pytest.fixture
def space() -> Proxyless:
    return TINY


class TestSpace(SpaceSuite):
    pass


class TestSupernet(SupernetSuite):
    def coincides(self, space: Proxyless, arch: Arch) -> bool:
        """In training mode both normalise by the batch."""
        return True


def test_the_space_of_the_paper():
    """21 blocks; six widths; 6 candidates, and a skip where the width stays."""
    space = Proxyless()
    assert sum(choice.count for choice in space.choices) == 21
    assert size(space) == 6**6 * 7**15
    assert [place[2] for place in space.places].count(2) == 4
    first = [i + 1 for i, (a, b, _) in enumerate(space.places) if a != b]
    assert first == [1, 5, 9, 13, 17, 21]
    assert [i + 1 for i, place in enumerate(space.places) if place[2] == 2] == [1, 5, 9, 17]


def test_weights_of_the_network_that_unas_found():
    """5,965,528: counted with the authors' own modules (the architecture is the one they publish)."""
    stage = {
        1: ["mbconv3_5x5", "mbconv3_3x3", "skip_connect", "skip_connect"],
        2: ["mbconv3_7x7", "skip_connect", "skip_connect", "skip_connect"],
        3: ["mbconv3_7x7", "mbconv3_3x3", "mbconv3_3x3", "mbconv3_3x3"],
        4: ["mbconv3_5x5", "mbconv3_3x3", "mbconv3_3x3", "mbconv3_3x3"],
        5: ["mbconv6_7x7", "mbconv3_7x7", "mbconv3_7x7", "mbconv3_7x7"],
        6: ["mbconv6_7x7"],
    }
    space = Proxyless()
    named = {f"stage{i}_first": ops[:1] for i, ops in stage.items()}
    named |= {f"stage{i}_rest": ops[1:] for i, ops in stage.items() if ops[1:]}
    assert counts.parameters(space.build(parse(space, named), IMAGENET)) == 5_965_528


def test_a_bottleneck_by_hand():
    """Expansion, depthwise, squeeze-excitation on a quarter of the input's channels, projection."""
    block = Bottleneck(8, 6, 5, 2, 3, Style(), squeeze=0.25)
    inner = 24
    by_hand = 8 * inner + 2 * inner + 25 * inner + 2 * inner + (inner * 2 + 2 + 2 * inner + inner) + inner * 6 + 2 * 6
    assert counts.parameters(block) == by_hand
    assert block(torch.randn(2, 8, 7, 7)).shape == (2, 6, 4, 4)
    assert counts.parameters(Bottleneck(8, 6, 3, 1, 1, Style())) == 9 * 8 + 2 * 8 + 8 * 6 + 2 * 6


def test_squeeze_excitation_scales_channels():
    torch.manual_seed(0)
    x = torch.randn(2, 4, 3, 3)
    ratio = SqueezeExcite(4, 2)(x) / x
    torch.testing.assert_close(ratio, ratio[:, :, :1, :1].expand_as(ratio))
    assert 0 < ratio.min() and ratio.max() < 1


def test_residual():
    x = torch.randn(2, 3)
    assert torch.equal(Residual(nn.Tanh())(x), x + x.tanh())


def test_a_skip_is_dropped_out_in_the_supernet_only(io: IO):
    space = dataclasses.replace(TINY, dropout=0.5)
    drops = [m for m in space.supernet(io).modules() if isinstance(m, nn.Dropout)]
    assert [m.p for m in drops] == [0.5]
    arch = (0, 6, 0)
    assert space.choices[1].options[6] == "skip_connect"
    assert not [m for m in space.build(arch, io).modules() if isinstance(m, nn.Dropout)]


def test_sizes_are_checked():
    with pytest.raises(ValueError, match="one entry for each stage, got 1, 6 and 6"):
        Proxyless(widths=(3,))
    with pytest.raises(ValueError, match="at least 1"):
        Proxyless(kernels=(0,))


def test_the_graph_by_hand():
    space = Proxyless(first=2, widths=(2, 3), blocks=(2, 1), strides=(2, 1))
    names = {"stage1_first": ["mbconv6_5x5"], "stage1_rest": ["skip_connect"], "stage2_first": ["mbconv3_7x7"]}
    graph = space.graph(parse(space, names))["network"]
    assert dict(graph.nodes(data="op")) == {
        "in": None,
        "1": ("mbconv", "expand 6", "kernel 5", "width 2", "stride 2"),
        "2": ("skip_connect", "width 2"),
        "3": ("mbconv", "expand 3", "kernel 7", "width 3", "stride 1"),
    }
