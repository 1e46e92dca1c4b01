"""appnas.spaces.graphs.graphmix: both suites, on a graph whose even and odd nodes never meet; DARTS moves every row."""

import random

import pytest
import torch

pytest.importorskip("torch_geometric")

from test_gnn import OnGraphs

import appnas
from appnas.space import IO, describe, random_arch, size
from appnas.spaces import GraphMix
from appnas.testing import SupernetSuite

SMALL = GraphMix(layers=2, hidden=4, heads=2, attention=("gcn", "gat"), aggregation=("sum", "max"))


@pytest.fixture
def io():
    return IO((6,), (3,))


class Mixing(SupernetSuite):
    """Nodes are the examples, so nodes with gates of their own must not see each other."""

    def inputs(self, io, count):
        x, edges = OnGraphs().inputs(io, count)
        return x.double(), edges

    def coincides(self, space, arch):
        return True


class TestSpace(OnGraphs):
    @pytest.fixture
    def space(self):
        return SMALL


class TestSupernet(Mixing):
    @pytest.fixture
    def space(self):
        return GraphMix(layers=2, hidden=4, heads=2, attention=("gcn", "gat"), aggregation=("sum", "max"), dropout=0.0)


def test_the_whole_space():
    space = GraphMix()
    assert size(space) == 21**3 * 2**2 * 5
    network = space.build(random_arch(space, random.Random(0)), IO((6,), (3,)))
    assert network(torch.randn(4, 6), torch.tensor([[0, 1], [1, 2]])).shape == (4, 3)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"hidden": 6, "heads": 4}, "divide the width"),
        ({"layers": 1}, "at least 2"),
        ({"attention": ("gatt",)}, "candidates are some of"),
        ({"aggregation": ()}, "candidates are some of"),
    ],
)
def test_wrong_settings_are_refused(wrong, match):
    with pytest.raises(ValueError, match=match):
        GraphMix(**wrong)


@pytest.mark.parametrize("kind", ["sum", "mean", "max"])
def test_a_layer_that_does_not_skip_counts_as_zeros(kind):
    space, io = SMALL, IO((6,), (3,))
    arch = (0, 0, 0, ("sum", "mean", "max").index(kind))
    assert describe(space.choices, arch)["skip"] == ["none"]
    torch.manual_seed(0)
    network = space.build(arch, io).eval()
    seen = []
    network.join[kind].register_forward_hook(lambda module, inputs, y: seen.extend([inputs[0], y]))
    network(torch.randn(4, 6), torch.tensor([[0, 1], [1, 2]]))
    states, y = seen
    assert not states[:, 0].any()
    last = states[:, 1]
    torch.testing.assert_close(y, {"sum": last, "mean": last / 2, "max": last.clamp_min(0)}[kind])


@pytest.mark.parametrize("order", ["first", "second"])
def test_darts_moves_every_row(order, ring):
    """Whole way, second order included: the custom products differentiate twice."""
    result = appnas.search(SMALL, ring, "darts", epochs=8, order=order)
    for first, now in zip([torch.full_like(g, 1 / g.shape[1]) for g in result.strategy.distribution()],
                          result.strategy.distribution(), strict=True):  # fmt: skip
        assert ((now - first).abs().amax(-1) > 1e-5).all()
    assert result.retrain(2).rows[0].tests[0]["accuracy"] > 0


def test_the_graph_by_hand():
    """Layer 1 skips to the join, layer 2 is the last: it is always joined."""
    space = GraphMix(layers=2, attention=("sym-gat", "gcn"), aggregation=("sum", "max"))
    for skip in (0, 1):
        graph = space.graph((1, 2, skip, 3))["network"]
        assert dict(graph.nodes(data="op")) == {
            "in": None, "1": ("sym-gat", "max"), "2": ("gcn", "sum"), "out": ("join", "concat"),
        }  # fmt: skip
        assert set(graph.edges) == {("in", "1"), ("1", "2"), ("2", "out"), *[("1", "out")] * skip}
