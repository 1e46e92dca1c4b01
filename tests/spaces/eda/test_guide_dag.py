"""appnas.spaces.eda.guide_dag: both suites with both heads; what ends a DAG; what an edge without effect does not
change."""

import pytest
import torch

from appnas.space import IO, constant_arch, full_mask, random_arch, size
from appnas.spaces import GuideDag
from appnas.spaces.eda.guide_dag import MixConv, ends
from appnas.testing import SpaceSuite, SupernetSuite

SMALL = GuideDag(width=4, strides=(1, 2), branches=1, vertices=("conv", "wide", "mix"), kernels=(3, 9), dense=4)


class TestSpace(SpaceSuite):
    @pytest.fixture
    def space(self):
        return SMALL

    @pytest.fixture(params=[(1,), (8, 8)], ids=["numbers", "maps"])
    def io(self, request):
        return IO((2, 8, 8), request.param)


class TestSupernet(SupernetSuite):
    def learns_alike(self, space):
        """Ends at 0 are left out too, whose gates are functions of the edges that were taken."""
        return False

    def narrow(self, space, odd):
        """Every other edge."""
        mask = full_mask(space.choices)
        for matrix in mask:
            matrix[int(odd) :: 2, 1] = False
        return mask

    @pytest.fixture
    def space(self):
        return SMALL

    @pytest.fixture(params=[(3,), (8, 8)], ids=["numbers", "maps"])
    def io(self, request):
        return IO((2, 8, 8), request.param)


def test_the_whole_space():
    space = GuideDag()
    assert size(space) == 2 ** (6 * 28) and len(space.bundles) == 6 * 7
    assert space.bundles[0] == (0, 1, 3, 6, 10, 15, 21)  # from the pseudo vertex to each of seven
    assert sorted(sum(space.bundles, ())) == list(range(6 * 28))
    with torch.device("meta"):
        network = space.supernet(IO((17, 64, 64), (64, 64)))
    assert sum(p.numel() for p in network.parameters()) > 1e6


def test_what_ends_a_dag():
    """0 -> 1 -> 3 and 0 -> 2, and an edge from 2 that is gated by a quarter."""
    edges = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
    end, reach = ends(torch.tensor([1.0, 1, 0, 0, 1, 0]), edges)
    assert end.tolist() == [0, 0, 1, 1] and reach.tolist() == [1, 1, 1, 1]
    end, reach = ends(torch.zeros(6), edges)
    assert end.tolist() == [1, 0, 0, 0] == reach.tolist()
    end, reach = ends(torch.tensor([1.0, 1, 0, 0, 0, 0.25]), edges)
    assert end.tolist() == [0, 1, 0.75, 0.25] and reach.tolist() == [1, 1, 1, 0.25]


def test_an_edge_from_an_unreached_vertex_has_no_effect():
    import random

    arch = random_arch(SMALL, random.Random(3))
    arch = (0, 0, 0, 1, 0, 1, *arch[6:])  # of edges 01 02 12 03 13 23: vertex 2 is never reached, 2 -> 3 is idle
    clean = SMALL.reached(arch)
    assert clean[:6] == (0, 0, 0, 1, 0, 0) and SMALL.reached(clean) == clean
    io, x = IO((2, 8, 8), (8, 8)), torch.randn(2, 2, 8, 8)
    outputs = []
    for a in (arch, clean):
        torch.manual_seed(0)
        outputs.append(SMALL.build(a, io)(x))
    assert torch.equal(*outputs)
    assert "3 mix" in SMALL.graph(clean)["stage0a"].graph["outputs"]


def test_what_is_drawn_is_what_is_built():
    """0 -> 1 -> 3 and 2 -> 3, which nothing reaches."""
    space = GuideDag(width=4, strides=(1,), branches=1, vertices=("conv", "conv", "conv"))
    arch = tuple(int(edge in ((0, 1), (1, 3), (2, 3))) for edge in space.edges)
    (graph,) = space.graph(arch).values()
    assert [(u, v) for u, v, _ in graph.edges] == [("in", "1 conv"), ("1 conv", "3 conv")]
    assert dict(graph.nodes(data="op")) == {"in": None, "1 conv": "conv", "3 conv": "conv"}
    assert graph.graph["outputs"] == ["3 conv"]
    assert list(space.graph((0,) * 6)["stage0a"]) == ["in"]


def test_a_stand_alone_network_holds_what_it_needs():
    io = IO((2, 8, 8), (1,))
    counts = [
        sum(p.numel() for p in SMALL.build(a, io).parameters()) for a in ((0,) * 12, constant_arch(SMALL, "edge"))
    ]
    assert counts[0] < counts[1]
    x = torch.randn(4, 2, 8, 8)
    network = SMALL.build((0,) * 12, io)
    network(x).sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_kernels_fit_the_map():
    assert [op.kernel_size[0] for op in SMALL.build(constant_arch(SMALL, "edge"), IO((1, 8, 8), (1,))).modules()
            if type(op).__name__ == "Depthwise"][:2] == [3, 7]  # fmt: skip
    assert MixConv(1, 3, (3, 5)).sizes == [1] and MixConv(5, 3, (3, 5)).sizes == [3, 2]


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"strides": (3,)}, "1 or 2"),
        ({"vertices": ("conv", "convolution")}, "operations of"),
        ({"kernels": (4,)}, "odd"),
        ({"width": 0}, "at least 1"),
    ],
)
def test_wrong_settings_are_refused(wrong, match):
    with pytest.raises(ValueError, match=match):
        GuideDag(**wrong)
