"""appnas.spaces.graphs.message: the layer against torch_geometric's, attention by hand, every combination both ways."""

import itertools

import pytest
import torch

pytest.importorskip("torch_geometric")
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks
from torch_geometric.nn import GATConv, GCNConv
from torch_geometric.utils import softmax

from appnas.spaces.graphs.edges import with_loops
from appnas.spaces.graphs.gnn import AGGREGATION as NAMES
from appnas.spaces.graphs.gnn import ATTENTION
from appnas.spaces.graphs.message import AGGREGATION, FIXED, AutoGNNLayer

COMBINATIONS = list(itertools.product(ATTENTION, AGGREGATION))


def graph(nodes=12, edges=30, features=6):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(nodes, features, generator=generator, dtype=torch.float64)
    return x, torch.randint(0, nodes, (2, edges), generator=generator)


def layer(*args, **more):
    torch.manual_seed(1)
    return AutoGNNLayer(6, 5, *args, **more).double()


def test_names_are_those_of_the_space():
    assert tuple(AGGREGATION) == NAMES and set(FIXED) <= set(ATTENTION)


@pytest.mark.parametrize("concat", [True, False])
def test_is_gat(concat):
    x, edges = graph()
    torch.manual_seed(0)
    theirs = GATConv(6, 5, 3, concat=concat).double()
    ours = layer(3, "gat", "sum", concat=concat)
    ours.weight.data = theirs.lin.weight.data.T.clone()
    ours.left.data, ours.right.data = theirs.att_dst.data.clone(), theirs.att_src.data.clone()
    ours.bias.data = theirs.bias.data.normal_().clone()
    torch.testing.assert_close(ours(x, edges), theirs(x, edges), rtol=0, atol=1e-5)


def test_is_gcn():
    x, edges = graph()
    theirs, ours = GCNConv(6, 5).double(), layer(1, "gcn", "sum")
    ours.weight.data = theirs.lin.weight.data.T.clone()
    torch.testing.assert_close(ours(x, edges), theirs(x, edges), rtol=0, atol=1e-5)


def weights(edges):
    """Zeros among them."""
    return torch.rand(edges.shape[1], generator=torch.Generator().manual_seed(2), dtype=torch.float64).mul(3).floor()


@pytest.mark.parametrize("loops", [False, True])
def test_is_gcn_of_weighted_edges(loops):
    """Loops that are there keep their weight; a node whose loop weighs 0 may have no degree at all."""
    x, edges = graph()
    edges = edges[:, edges[0] != edges[1]]
    if loops:
        edges = torch.cat([torch.arange(0, 12, 2).repeat(2, 1), edges], 1)
    weight = weights(edges)
    theirs, ours = GCNConv(6, 5).double(), layer(1, "gcn", "sum")
    ours.weight.data = theirs.lin.weight.data.T.clone()
    torch.testing.assert_close(ours(x, edges, weight), theirs(x, edges, weight), rtol=0, atol=1e-5)
    assert not torch.allclose(ours(x, edges, weight), ours(x, edges))


@pytest.mark.parametrize(("attention", "aggregation"), COMBINATIONS)
def test_edges_of_weight_1_are_edges(attention, aggregation):
    x, edges = graph()
    ours = layer(3, attention, aggregation)
    torch.testing.assert_close(ours(x, edges, torch.ones(30)), ours(x, edges))


@pytest.mark.parametrize("attention", ATTENTION)
def test_messages_are_multiplied_by_weights(attention):
    """Edge by edge: the attention times the weight, whatever the order in which the edges came."""
    x, edges = graph()
    edges = edges[:, edges[0] != edges[1]].unique(dim=1)
    weight = weights(edges)
    ours, looped = layer(2, attention), with_loops(edges, 12)
    z = (x @ ours.weight).view(12, 2, 5)
    e = ours.weights(z, looped, looped.weights(weight, edges)).expand(-1, 2)
    of = {(i, j): w for (i, j), w in zip(edges.T.tolist(), weight.tolist(), strict=True)}
    each = torch.tensor([of.get((i, j), 1.0) for i, j in looped.edge_index.T.tolist()], dtype=x.dtype)
    if attention == "gcn":
        degree = torch.zeros(12, dtype=x.dtype).index_add(0, looped.edge_index[1], each)
        expected = (each / (degree[looped.edge_index[0]] * degree[looped.edge_index[1]]).sqrt())[:, None]
    else:
        expected = ours.weights(z, looped) * each[:, None]
    torch.testing.assert_close(e, expected.expand(-1, 2))
    shuffled = torch.randperm(len(weight), generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(ours(x, edges, weight), ours(x, edges[:, shuffled], weight[shuffled]))


def test_weights_have_gradients():
    x, edges = graph(5, 8)
    weight = (weights(edges) + 0.5).requires_grad_()
    for attention in ATTENTION:
        ours = layer(2, attention)
        assert torch.autograd.gradcheck(lambda w, ours=ours: ours(x, edges, w), [weight])


@pytest.mark.parametrize("attention", [name for name in ATTENTION if name not in FIXED])
def test_learnt_attention_adds_up_to_one_at_every_target(attention):
    x, edges = graph()
    ours, looped = layer(3, attention), with_loops(edges, 12)
    e = ours.weights((x @ ours.weight).view(12, 3, 5), looped)
    sums = torch.zeros(12, 3, dtype=e.dtype).index_add(0, looped.edge_index[1], e)
    torch.testing.assert_close(sums, torch.ones(12, 3, dtype=e.dtype))


@pytest.mark.parametrize("attention", ATTENTION)
def test_attention_edge_by_edge(attention):
    """The formulas of the docstring, written with loops."""
    x, edges = graph(5, 8)
    ours, looped = layer(2, attention), with_loops(edges, 5)
    z = (x @ ours.weight).view(5, 2, 5)
    source, target = looped.edge_index
    leaky = torch.nn.LeakyReLU(0.2)

    def score(i, j, h):
        if attention == "const":
            return torch.ones((), dtype=z.dtype)
        if attention == "gcn":
            return (looped.degree[i] * looped.degree[j]).double() ** -0.5
        u, v, a, b = ours.left[0, h], ours.right[0, h], z[i, h], z[j, h]
        if attention == "gene-linear":
            return ours.vector[0, h] @ torch.tanh(u * a + v * b)
        return {
            "gat": lambda: leaky(u @ a + v @ b),
            "sym-gat": lambda: leaky(u @ a + v @ b) + leaky(u @ b + v @ a),
            "cos": lambda: (u * a) @ (v * b),
            "linear": lambda: torch.tanh(u @ a + v @ b),
        }[attention]()

    expected = torch.stack([
        torch.stack([score(int(i), int(j), h) for h in range(2)]) for j, i in zip(source, target, strict=True)
    ])  # fmt: skip
    if attention not in FIXED:
        expected = softmax(expected, target, num_nodes=5)
    torch.testing.assert_close(ours.weights(z, looped).expand(-1, 2), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("attention", "aggregation"), COMBINATIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_both_ways_agree(attention, aggregation, weighted):
    """Sparse products and torch_geometric's `propagate`: outputs and all gradients."""
    x, edges = graph()
    weight = weights(edges) if weighted else None
    results = []
    for fuse in (True, False):
        inputs = x.clone().requires_grad_()
        ours = layer(3, attention, aggregation, "mlp", concat=False, skip=True)
        ours.fuse = fuse
        y = ours(inputs, edges, weight)
        results.append([y, *torch.autograd.grad(y.pow(2).sum(), [inputs, *ours.parameters()])])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize(("attention", "aggregation"), COMBINATIONS)
def test_explainers_mask_the_messages(attention, aggregation):
    """A mask of messages is a weight of edges, apart from what `gcn` makes of weights; loops are never masked."""
    x, edges = graph()
    edges = edges[:, edges[0] != edges[1]]
    mask, ours = weights(edges), layer(3, attention, aggregation)
    looped, plain = with_loops(edges, 12), ours(x, edges)
    set_masks(ours, mask, edges, apply_sigmoid=False)
    masked = ours(x, edges)
    clear_masks(ours)
    assert torch.equal(ours(x, edges), plain) and not torch.allclose(masked, plain)
    if attention == "gcn":
        ours.attention, looped = "const", looped.weights(mask, edges) * looped.gcn
        ours.weights = lambda own, graph, edges, attr: looped[:, None]
    torch.testing.assert_close(masked, ours(x, edges, mask))


@pytest.mark.parametrize("aggregation", AGGREGATION)
def test_aggregations_by_hand(aggregation):
    """Node 0 sees itself and node 1; node 1 itself alone."""
    ours = layer(1, "const", aggregation)
    x = torch.eye(6, dtype=torch.float64)[:2]
    a, b = ours.weight[:2].detach()
    y = ours(x, torch.tensor([[1], [0]]))
    expected = {"sum": a + b, "mean": (a + b) / 2, "max": torch.maximum(a, b)}[aggregation]
    torch.testing.assert_close(y, torch.stack([expected, b]))


def test_an_isolated_node_sees_itself():
    x, _ = graph()
    for attention in ATTENTION:
        assert torch.isfinite(layer(2, attention)(x, torch.zeros(2, 0, dtype=torch.long))).all()


def test_direction_matters():
    x, edges = graph()
    ours = layer(2, "gat")
    assert not torch.allclose(ours(x, edges), ours(x, edges.flip(0)))


def test_dropout_only_in_training():
    x, edges = graph()
    ours = layer(2, "gat", dropout=0.5)
    assert not torch.allclose(ours(x, edges), ours(x, edges))
    ours.eval()
    assert torch.equal(ours(x, edges), ours(x, edges))
