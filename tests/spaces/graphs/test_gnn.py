"""appnas.spaces.graphs.gnn: the AGNN space, its rule on widths, what weights are alike."""

import random

import pytest
import torch

pytest.importorskip("torch_geometric")

from torch_geometric.explain import Explainer, GNNExplainer

from appnas.space import IO, check, describe, mutate, one_hot, only, parse, random_arch, restrict, size
from appnas.spaces import GNN, GraphMix
from appnas.spaces.graphs.inputs import pooled
from appnas.testing import SpaceSuite


@pytest.fixture
def io():
    return IO((6,), (3,))


class OnGraphs(SpaceSuite):
    """Two rings that never touch: even nodes and odd nodes."""

    def inputs(self, io, count):
        edges = torch.tensor([(i, j) for i in range(count) for j in range(count) if (i - j) % 2 == 0]).T
        return torch.randn(count, *io.inputs, generator=torch.Generator().manual_seed(0)), edges


class TestSpace(OnGraphs):
    @pytest.fixture
    def space(self):
        return GNN(widest=0)


class TestWithoutTheLastActivation(OnGraphs):
    @pytest.fixture
    def space(self):
        return GNN(widest=0, last_activation=False)


class TestLimitedSpace(OnGraphs):
    """The rule couples hidden sizes and heads, so these two are not uniform and not free of each other."""

    @pytest.fixture
    def space(self):
        return GNN(layers=3, skip=True, widest=64)

    def test_random_architectures_are_roughly_uniform(self, space):
        archs = self.archs(space, self.draws)
        assert all({arch[i] for arch in archs} == set(range(5)) for i in range(2))  # to 64
        assert all({arch[i] for arch in archs} == set(range(6)) for i in (5, 6, 7))

    def test_permuted_scores_permute_the_architecture(self, space):
        gates = tuple(torch.zeros(c.count, len(c.options)) for c in space.choices)
        gates[0][0, 6] = gates[2][0, 5] = 1.0  # 256 x 16 is too wide: one of the two stays
        named = describe(space.choices, space.discretise(gates))
        assert int(named["hidden"][0]) * int(named["heads"][0]) <= 64

    def test_constant_architectures(self, space):
        """256 is wider than the limit with any number of heads; what can be everywhere is tested without a limit."""
        with pytest.raises(ValueError, match="rules"):
            check(space, (6, 6, *[0] * 15))


def test_size():
    """14,112 a layer, apart from the last one's hidden size."""
    assert size(GNN(widest=0)) == 14_112 * 14_112 // 7
    assert [c.count for c in GNN(layers=3).choices] == [2, 3, 3, 3, 3, 3]


def test_wide_layers_are_never_proposed():
    space, rng = GNN(widest=32), random.Random(0)
    for _ in range(50):
        arch = mutate(space, random_arch(space, rng), rng)
        named = describe(space.choices, arch)
        assert int(named["hidden"][0]) * int(named["heads"][0]) <= 32
        assert space.discretise(one_hot(space.choices, arch)) == arch
    inner = restrict(space, only(space.choices, arch))
    assert random_arch(inner, rng) == arch


@pytest.mark.parametrize(
    "wrong", [{"readout": "add"}, {"layers": 1}, {"dropout": 1.0}, {"dropout": -0.1}, {"widest": 3}]
)
def test_wrong_sizes_are_refused(wrong):
    with pytest.raises(ValueError, match=r"at least|below 1|smallest|one of"):
        GNN(**wrong)


def test_widths_run_through_the_network(io):
    space = GNN(layers=3)
    named = {"hidden": ["16", "8"], "heads": ["4", "1", "6"], "attention": ["gat", "cos", "gcn"],
             "aggregation": ["sum", "mean", "max"], "combine": ["identity", "mlp", "mlp"],
             "activation": ["elu", "tanh", "identity"]}  # fmt: skip
    network = space.build(parse(space, named), io)
    assert [tuple(layer.weight.shape) for layer in network.layers] == [(6, 64), (64, 8), (8, 18)]
    assert [layer.concat for layer in network.layers] == [True, True, False]
    assert [hasattr(layer, "combine") for layer in network.layers] == [False, True, True]


def test_activations_follow_their_layers(io):
    space = GNN(dropout=0.0)
    arch = list(random_arch(space, random.Random(0)))
    arch[-2:] = (2, 0)  # relu, then sigmoid
    x, edges = torch.randn(5, 6), torch.tensor([[0, 1, 2], [1, 2, 3]])
    network = space.build(tuple(arch), io).eval()
    first = torch.relu(network.layers[0](x, edges))
    torch.testing.assert_close(network(x, edges), torch.sigmoid(network.layers[1](first, edges)))


def test_whole_graphs_are_pooled(io):
    space = GNN()
    network = space.build(random_arch(space, random.Random(1)), io).eval()
    x, edges = torch.randn(5, 6), torch.tensor([[0, 1, 3], [1, 2, 4]])
    nodes, graphs = network(x, edges), network(x, edges, torch.tensor([0, 0, 0, 1, 1]))
    torch.testing.assert_close(graphs, torch.stack([nodes[:3].mean(0), nodes[3:].mean(0)]))


@pytest.mark.parametrize("space", [GNN(dropout=0.0), GraphMix(layers=2, hidden=4, heads=2)])
def test_how_networks_are_called(space, io):
    """(x, edges[, graph][, weights]), or by name, with torch_geometric's names; the layers see the weights."""
    network = space.build(random_arch(space, random.Random(3)), io).eval()
    x, edges, graph = torch.randn(5, 6), torch.tensor([[0, 1, 3], [1, 2, 4]]), torch.tensor([0, 0, 0, 1, 1])
    weight = torch.tensor([0.5, 2.0, 0.1])
    nodes, graphs = network(x, edges, edge_weight=weight), network(x, edges, graph, weight)
    assert nodes.shape == (5, 3) and not torch.allclose(nodes, network(x, edges))
    assert torch.equal(nodes, network(x, edges, weight))
    torch.testing.assert_close(network(x, edges, edge_weight=torch.ones(3)), network(x, edges))
    assert torch.equal(graphs, network(x, edges, edge_weight=weight, batch=graph)) and graphs.shape == (2, 3)
    assert torch.equal(network(x, edges, graph), network(x, edges, batch=graph))
    with pytest.raises(ValueError, match=r"edge_weight is \[3\], one an edge, got \(2,\)"):
        network(x, edges, weight[:2])
    with pytest.raises(ValueError, match="came twice: as the third argument and as edge_weight"):
        network(x, edges, weight, edge_weight=weight)
    with pytest.raises(ValueError, match="came twice: as the third argument and as batch"):
        network(x, edges, graph, batch=graph)


@pytest.mark.parametrize("space", [GNN(), GraphMix(layers=2, hidden=4, heads=2)])
def test_an_explainer_finds_the_edges_that_matter(space, io):
    """Two layers see two steps: of a path into node 4, its last two edges."""
    network = space.build(random_arch(space, random.Random(5)), io)
    explainer = Explainer(
        network, GNNExplainer(epochs=3), explanation_type="model", node_mask_type="attributes", edge_mask_type="object",
        model_config={"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"},
    )  # fmt: skip
    found = explainer(torch.randn(5, 6), torch.tensor([[0, 1, 2, 3], [1, 2, 3, 4]]), index=4).edge_mask
    assert (found > 0).tolist() == [False, False, True, True]


@pytest.mark.parametrize("readout", ["mean", "sum", "max"])
@pytest.mark.parametrize("kind", [GNN, GraphMix])
def test_readouts_by_hand(kind, readout, io):
    space = kind(readout=readout)
    network = space.build(random_arch(space, random.Random(1)), io).eval()
    x, edges, graph = torch.randn(5, 6), torch.tensor([[0, 1, 3], [1, 2, 4]]), torch.tensor([0, 0, 1, 0, 1])
    nodes = network(x, edges)
    first, second = (getattr(nodes[graph == i], {"max": "amax"}.get(readout, readout))(0) for i in (0, 1))
    torch.testing.assert_close(network(x, edges, graph), torch.stack([first, second]))
    x = torch.randn(5, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(pooled, (x, graph, readout))
    assert torch.autograd.gradgradcheck(pooled, (x, graph, readout))


def test_scores_without_an_activation(io):
    """The last layer's is no decision then; the others follow their layers, and weights are alike as before."""
    space = GNN(last_activation=False, dropout=0.0)
    assert size(space) * 8 == size(GNN()) and space.choices[-1].count == 1
    arch = (*random_arch(space, random.Random(0))[:-1], 2)
    network, (x, edges) = space.build(arch, io).eval(), (torch.randn(5, 6), torch.tensor([[0, 1, 2], [1, 2, 3]]))
    torch.testing.assert_close(network(x, edges), network.layers[1](torch.relu(network.layers[0](x, edges)), edges))
    assert [space.signature(arch, f"layers.{i}.weight")[1] for i in (0, 1)] == ["relu", "identity"]


def test_what_is_alike(io):
    """Attention and activation of the weight's own layer; never a skip connection."""
    space = GNN(skip=True)
    arch = list(random_arch(space, random.Random(0)))
    arch[1:3], arch[-2:] = (2, 3), (2, 7)  # gat, sym-gat; relu, elu
    names = {name for name, _ in space.build(tuple(arch), io).named_parameters()}
    alike = {name: space.signature(tuple(arch), name) for name in names}
    assert alike["layers.0.weight"] == ("gat", "relu") and alike["layers.1.weight"] == ("sym-gat", "elu")
    assert alike["layers.0.skip"] is None and {role for role in alike.values() if role} == {
        ("gat", "relu"), ("sym-gat", "elu"),
    }  # fmt: skip


def test_cannot_be_mixed(io):
    with pytest.raises(TypeError, match="graphmix"):
        GNN().supernet(io)


def test_images_are_refused():
    with pytest.raises(ValueError, match=r"vector of features.*\(3, 8, 8\)"):
        GNN().build(random_arch(GNN(), random.Random(0)), IO((3, 8, 8), (10,)))


def test_the_graph_by_hand():
    space = GNN(layers=2)
    arch = parse(space, {
        "hidden": ["16"], "attention": ["gat", "const"], "heads": ["4", "1"], "aggregation": ["sum", "mean"],
        "combine": ["mlp", "identity"], "activation": ["relu", "elu"],
    })  # fmt: skip
    graph = space.graph(arch)["network"]
    assert list(graph.edges) == [("in", "1"), ("1", "2")]
    assert graph.nodes["1"]["op"] == (
        "hidden 16", "attention gat", "heads 4", "aggregation sum", "combine mlp", "activation relu",
    )  # fmt: skip
    assert graph.nodes["2"]["op"][0] == "hidden classes" and graph.nodes["2"]["op"][-1] == "activation elu"
