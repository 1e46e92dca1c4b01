"""appnas.spaces.graphs.graphnet: both suites, hand-made networks as points of it, what is refused, DARTS, a search."""

import json
import random
from dataclasses import replace
from functools import partial

import pytest
import torch

pytest.importorskip("torch_geometric")

from conftest import ring_data
from test_gnn import OnGraphs
from test_graphmix import Mixing
from torch_geometric.explain import Explainer, GNNExplainer
from torch_geometric.nn import TAGConv

import appnas
from appnas.api.resolving import usual
from appnas.space import IO, canonical, describe, parse, random_arch, size
from appnas.spaces import GraphNet

SMALL = GraphNet(
    operations=("mlp", "gcn", "sage", "gat", "gcnii"), repeats=(1, 2), norms=("off", "layer"), pre=(1, 2),
    output=("linear", "mlp", "max"), hidden=(4,), dropout=(0.0,), heads=2,
)  # fmt: skip


@pytest.fixture
def io():
    return IO((6,), (3,))


class TestSpace(OnGraphs):
    @pytest.fixture
    def space(self):
        return GraphNet(repeats=(1, 2), hidden=(16, 32), dropout=(0.0, 0.2))


class TestSmallSpace(OnGraphs):
    @pytest.fixture
    def space(self):
        return SMALL


class TestDirected(OnGraphs):
    @pytest.fixture
    def space(self):
        return GraphNet(layers=1, hidden=(4,), directions=("in", "out", "both"), readouts=("mean", "sum", "max"))


class TestSupernet(Mixing):
    @pytest.fixture
    def space(self):
        return SMALL


class TestSupernetOfDirectNetworks(Mixing):
    @pytest.fixture
    def space(self):
        return GraphNet(operations=("gcn", "sage", "gin"), repeats=(2,), norms=("off", "l2"), pre=(0,),
                        output=("direct",), hidden=(4,), dropout=(0.0,), directions=("both",))  # fmt: skip


def test_size_and_names():
    space = GraphNet()
    assert size(space) == 9**2 * 4**2 * 5**2 * 3**2 * 6 * 3 * 4 * 4
    assert "direction" not in {choice.name for choice in space.choices}
    arch = random_arch(space, random.Random(0))
    assert space.named(arch)["direction"] == ["in"] and parse(space, describe(space.choices, arch)) == arch


def point(space, **named):
    every = {"operation": ["gcn"] * 2, "repeats": ["1"] * 2, "norm": ["off"] * 2, "residual": ["none"] * 2,
             "head": ["direct"], "pre": ["0"], "hidden": ["32"], "dropout": ["0.5"]}  # fmt: skip
    return parse(space, every | named)


def test_hand_made_networks_are_points_of_it(io):
    """A GCN by hand from the network's own weights; GCNII with 16 layers; the sizes of an APPNP."""
    space, x, edges = GraphNet(), torch.randn(5, 6), torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]])
    network = space.build(point(space), io).eval()
    first, second = (block[0].operation["gcn"].layer for block in network.blocks)
    torch.testing.assert_close(network(x, edges), second(torch.relu(first(x, edges)), edges))
    deep = point(space, operation=["gcnii"] * 2, repeats=["8", "8"], pre=["1"], head=["linear"])
    network = space.build(deep, io)
    layers = [layer.operation["gcnii"] for block in network.blocks for layer in block]
    assert len(layers) == 16 and [layer.beta for layer in layers] == sorted(
        (layer.beta for layer in layers), reverse=True
    )
    network = space.build(point(space, operation=["mlp", "appnp"]), io)
    assert sum(p.numel() for p in network.parameters()) == 6 * 32 + 32 + 32 * 3 + 3


def test_known_networks_are_controls(ring):
    """Each by its name beside what is found; what a space does not offer is replaced by its first option."""
    space = GraphNet()
    known = space.hand_made
    assert known["gcn"] == point(space, hidden=["64"]) and space.named(known["appnp"])["operation"] == ["mlp", "appnp"]
    assert space.named(known["gcnii"])["repeats"] == ["8", "8"] and SMALL.hand_made.keys() == set(SMALL.operations)
    result = appnas.search(space, ring, "random", evaluations=2, budget=1, tune={"lr": [0.001, 0.01, 0.1]})
    assert result.space.hand_made["gcn"] == (*known["gcn"], 1)  # the middle rate
    rows = result.retrain(2, beside=["mlp", "gcn", "l2", "random"]).rows
    assert [row.name for row in rows] == ["found", "mlp", "gcn", "all l2", "random"]
    assert rows[2].arch[:-1] == known["gcn"] and rows[2].arch[-1] == rows[0].arch[-1]


def test_a_network_that_does_not_see_edges(io):
    space = GraphNet()
    network = space.build(point(space, operation=["mlp"] * 2), io).eval()
    x = torch.randn(5, 6)
    torch.testing.assert_close(network(x, torch.tensor([[0, 1], [1, 2]])), network(x, torch.tensor([[3], [4]])))


@pytest.mark.parametrize(("direction", "changed"), [("in", [1, 2]), ("out", [0, 1]), ("both", [0, 1, 2])])
def test_directions(direction, changed, io):
    """On the path 0 -> 1 -> 2, which nodes see that features of the node in the middle change."""
    space = GraphNet(layers=1, directions=("in", "out", "both"))
    arch = parse(space, {"operation": ["sage"], "repeats": ["1"], "norm": ["off"], "residual": ["none"],
                         "head": ["direct"], "pre": ["0"], "hidden": ["32"], "dropout": ["0.0"],
                         "direction": [direction]})  # fmt: skip
    network, path = space.build(arch, io).eval(), torch.tensor([[0, 1], [1, 2]])
    x = torch.randn(3, 6)
    other = x.clone()
    other[1] += 1
    differs = (network(x, path) - network(other, path)).abs().amax(1) > 1e-6
    assert differs.nonzero().flatten().tolist() == changed


@pytest.mark.parametrize("head", ["direct", "linear", "mlp", "mean", "max", "concat"])
def test_whole_graphs_and_how_networks_are_called(head, io):
    space = GraphNet()
    network = space.build(point(space, head=[head], operation=["sage", "gin"], residual=["ego", "initial"]), io).eval()
    x, edges, graph = torch.randn(5, 6), torch.tensor([[0, 1, 3], [1, 2, 4]]), torch.tensor([0, 0, 0, 1, 1])
    assert network(x, edges).shape == (5, 3) and network(x, edges, graph).shape == (2, 3)
    weight = torch.tensor([0.5, 2.0, 0.1])
    assert torch.equal(network(x, edges, weight), network(x, edges, edge_weight=weight))
    torch.testing.assert_close(network(x, edges, torch.ones(3)), network(x, edges))
    assert not torch.allclose(network(x, edges, weight), network(x, edges))


def test_a_graph_is_worth_the_same_in_any_batch(io):
    """Whatever it is joined with, by every norm."""
    space = GraphNet()
    parts = [(torch.randn(n, 6), torch.randint(n, (2, 2 * n)), torch.zeros(n, dtype=torch.long)) for n in (3, 7, 5)]
    x, graph = torch.cat([p[0] for p in parts]), torch.arange(3).repeat_interleave(torch.tensor([3, 7, 5]))
    edges = torch.cat([p[1] + start for p, start in zip(parts, (0, 3, 10), strict=True)], 1)
    for norm in space.norms:
        network = space.build(point(space, norm=[norm, norm], operation=["sage", "gcn"]), io).eval()
        alone = torch.cat([network(*part) for part in parts])
        torch.testing.assert_close(network(x, edges, graph), alone, atol=1e-5, rtol=1e-5)


def test_an_operation_by_its_class_is_written_down(tmp_path):
    """As its MODULE:NAME; one without a name is refused."""
    space = GraphNet(operations=("gcn", TAGConv), hidden=(4,), repeats=(1,))
    result = appnas.search(space, ring_data(), "random", evaluations=2, budget=1, out=tmp_path / "run")
    written = json.loads((tmp_path / "run" / "config.json").read_text())["space"]["fields"]["operations"]
    assert written == ["gcn", "torch_geometric.nn.conv.tag_conv:TAGConv"] and len(result.history) == 2
    with pytest.raises(ValueError, match="an operation is a class or function with a name"):
        GraphNet(operations=("gcn", partial(TAGConv, K=2)))


def test_one_network_has_one_name():
    """The norm after the last layer is none where this layer makes the outputs."""
    space = GraphNet()
    names = {canonical(space, point(space, norm=["batch", last])) for last in ("off", "batch", "l2")}
    assert len(names) == 1
    names = {canonical(space, point(space, norm=["batch", last], repeats=["1", "2"])) for last in ("off", "batch")}
    assert len(names) == 2


def test_convolutions_by_class_and_by_name(io):
    x, edges = torch.randn(5, 6), torch.tensor([[0, 1, 3], [1, 2, 4]])
    for own in (TAGConv, "torch_geometric.nn:TAGConv"):
        space = GraphNet(operations=("mlp", own))
        assert space.choices[0].options == ("mlp", "TAGConv")
        network = space.build(point(space, operation=["mlp", "TAGConv"]), io).eval()
        conv = network.blocks[1][0].operation["TAGConv"].conv
        assert isinstance(conv, TAGConv) and conv.in_channels == 32
        weights = torch.tensor([0.5, 2.0, 0.1])
        hidden = torch.relu(network.blocks[0][0].operation["mlp"].linear(x))
        torch.testing.assert_close(network(x, edges, weights), conv(hidden, edges, weights))


def test_explained(io):
    """torch_geometric's explainers mask the messages of every operation."""
    space = GraphNet()
    network = space.build(point(space, operation=["sage", "transformer"]), io).eval()
    explainer = Explainer(
        network, GNNExplainer(epochs=2), explanation_type="model", edge_mask_type="object",
        model_config={"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"},
    )  # fmt: skip
    found = explainer(torch.randn(5, 6), torch.tensor([[0, 1, 3], [1, 2, 4]]))
    assert found.edge_mask.shape == (3,)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"layers": 0}, "at least 1"),
        ({"operations": ("gnc",)}, "operations are some of"),
        ({"operations": ()}, "one at least"),
        ({"operations": ("gcn", "gcn")}, "offered once"),
        ({"operations": ("torch_geometric.nn:TagConv",)}, "has no 'TagConv'; did you mean 'TAGConv'"),
        ({"norms": ("none",)}, "norms are some of"),
        ({"residuals": ()}, "one at least"),
        ({"output": ("jump",)}, "output are some of"),
        ({"hidden": (0,)}, "hidden are whole numbers of at least 1"),
        ({"dropout": (1.0,)}, "below 1"),
        ({"repeats": (2, 2)}, "offered once"),
        ({"directions": ("up",)}, "directions are some of"),
    ],
)
def test_wrong_settings_are_refused(wrong, match):
    with pytest.raises(ValueError, match=match):
        GraphNet(**wrong)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"hidden": (4, 8)}, "graphnet with one option of hidden"),
        ({"pre": (0, 1)}, "pre=0 alone"),
        ({"output": ("direct", "linear")}, "without the output direct"),
    ],
)
def test_what_cannot_be_mixed_is_said(changed, match, io):
    space = replace(SMALL, **changed)
    with pytest.raises(TypeError, match=match):
        space.supernet(io)
    assert not hasattr(SMALL, "mixed") and hasattr(space, "mixed")


def test_searched(ring):
    """Mixed by DARTS, sampled by what is taken unless a method is named."""
    result = appnas.search(SMALL, ring, "darts", epochs=4)
    assert result.retrain(2).rows[0].tests[0]["accuracy"] > 0
    assert usual(SMALL, ring) == "darts" and usual(GraphNet(), ring) == "agnn"
    result = appnas.search("graphnet", ring, evaluations=3, budget=1, top=1, repeats=1)
    assert len({record.arch for record in result.history}) >= 2


@pytest.mark.parametrize("method", ["agnn", "evolution"])
def test_searches_begin_with_the_known_networks(method, ring):
    """All of them, then others; resumed in their midst as if never stopped; or none of them."""
    settings = {"evaluations": 13, "budget": 1} | (
        {"repeats": 0} if method == "agnn" else {"population": 11, "sample": 2}
    )
    space = GraphNet(repeats=(1, 2), hidden=(8, 64))
    history = appnas.search(space, ring, method, **settings).history
    assert [record.arch for record in history[:9]] == list(space.hand_made.values())
    assert len({record.arch for record in history[9:]} - set(space.hand_made.values())) >= 3
    without = appnas.search(space, ring, method, known=False, **settings).history
    assert [record.arch for record in without[:9]] != list(space.hand_made.values())


class OnFeaturesOfEdges(OnGraphs):
    @pytest.fixture
    def io(self):
        return IO((6,), (3,), edges=5, relations=2)

    def inputs(self, io, count):
        x, edges = super().inputs(io, count)
        rng = torch.Generator().manual_seed(1)
        attr = torch.randn(edges.shape[1], 3, generator=rng)
        relation = torch.nn.functional.one_hot(torch.randint(2, (edges.shape[1],), generator=rng), 2)
        return x, edges, torch.cat([attr, relation], 1)


class TestFeaturesOfEdges(OnFeaturesOfEdges):
    @pytest.fixture
    def space(self):
        return GraphNet(layers=1, repeats=(1,), hidden=(8,), directions=("in", "both"))


class TestSupernetOnFeaturesOfEdges(Mixing):
    @pytest.fixture
    def io(self):
        return IO((6,), (3,), edges=2)

    @pytest.fixture
    def space(self):
        return replace(SMALL, operations=("mlp", "gcn", "gin", "gat", "gatv2", "transformer"))

    def inputs(self, io, count):
        x, edges = super().inputs(io, count)
        return x, edges, torch.randn(edges.shape[1], 2, generator=torch.Generator().manual_seed(1), dtype=x.dtype)


def test_features_of_edges_by_place_and_by_name():
    io, arch = IO((6,), (3,), edges=2), point(GraphNet(), operation=["gin", "gat"])
    network = GraphNet().build(arch, io).eval()
    x, edges, attr = torch.randn(5, 6), torch.tensor([[0, 1, 3], [1, 2, 4]]), torch.randn(3, 2)
    y = network(x, edges, edge_attr=attr)
    assert torch.equal(network(x, edges, attr), y) and not torch.equal(network(x, edges, attr + 1), y)
    ones, zeros = torch.ones(3), torch.zeros(5, dtype=torch.long)
    assert torch.equal(network(x, edges, ones, attr), network(x, edges, edge_weight=ones, edge_attr=attr))
    assert torch.equal(network(x, edges, zeros, attr), network(x, edges, batch=zeros, edge_attr=attr))
    assert torch.equal(network(x, edges, zeros, ones, attr), network(x, edges, zeros, edge_weight=ones, edge_attr=attr))
    for wrong in (None, attr[:2], attr[:, :1]):
        with pytest.raises(ValueError, match=r"edge_attr, features of edges, is \[3, 2\]"):
            network(x, edges, edge_attr=wrong)
    with pytest.raises(ValueError, match="came twice"):
        network(x, edges, attr, edge_attr=attr)
    with pytest.raises(ValueError, match=r"is not there in what this network was made for, got \(3, 2\)"):
        GraphNet().build(arch, IO((6,), (3,)))(x, edges, edge_attr=attr)
    explainer = Explainer(
        network, GNNExplainer(epochs=2), explanation_type="model", edge_mask_type="object",
        model_config={"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"},
    )  # fmt: skip
    assert explainer(x, edges, edge_attr=attr).edge_mask.shape == (3,)
