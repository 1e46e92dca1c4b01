"""appnas.spaces.graphs.operations: each against torch_geometric's layer, with weights of edges, both ways."""

import pytest
import torch

pytest.importorskip("torch_geometric")

from torch import nn
from torch_geometric.nn import (
    APPNP,
    GATConv,
    GATv2Conv,
    GCN2Conv,
    GCNConv,
    GINConv,
    GINEConv,
    GraphConv,
    MessagePassing,
    SAGEConv,
    TransformerConv,
)  # fmt: skip
from torch_geometric.utils import add_remaining_self_loops, add_self_loops

from appnas.spaces.graphs.edges import Edges
from appnas.spaces.graphs.graph_parts import Library
from appnas.spaces.graphs.inputs import dropped
from appnas.spaces.graphs.operations import OPERATIONS
from appnas.spaces.graphs.place import Place

SPARSE = torch.zeros(12, 40, dtype=torch.float64)
SPARSE[torch.arange(12), torch.arange(12) * 3] = 1.5


def graph():
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(12, 8, generator=rng, dtype=torch.float64)
    edges = torch.randint(0, 12, (2, 30), generator=rng)
    return x, edges[:, edges[0] != edges[1]]


def ours(name, outputs=8, weight=None, **more):
    """The operation, its output, and its inputs."""
    x, edges = graph()
    torch.manual_seed(1)
    op = OPERATIONS[name](Place(8, outputs, heads=2, **more)).double()
    for parameter in op.parameters():
        parameter.data.normal_(0, 0.5)
    return op, op((x, Edges.of(edges, weight, 12, torch.float64), x.flip(0))), x, edges


def close(a, b):
    torch.testing.assert_close(a, b, rtol=0, atol=1e-6)  # some of torch_geometric's constants are float32


def copied(module, **weights):
    module = module.double()
    named = dict(module.named_parameters())
    assert named.keys() == {name.replace("__", ".") for name in weights}, named.keys()
    for name, value in weights.items():
        named[name.replace("__", ".")].data = value.detach().reshape(named[name.replace("__", ".")].shape).clone()
    return module


@pytest.fixture(params=[False, True], ids=["plain", "weighted"])
def weight(request):
    count = graph()[1].shape[1]
    return torch.rand(count, generator=torch.Generator().manual_seed(3), dtype=torch.float64) if request.param else None


def test_gcn(weight):
    op, y, x, edges = ours("gcn", 5, weight)
    theirs = copied(GCNConv(8, 5), bias=op.layer.bias, lin__weight=op.layer.weight.T)
    close(y, theirs(x, edges, weight))


def test_sage():
    op, y, x, edges = ours("sage", 5)
    theirs = copied(SAGEConv(8, 5), lin_l__weight=op.neighbours.weight, lin_l__bias=op.neighbours.bias,
                    lin_r__weight=op.own.weight)  # fmt: skip
    close(y, theirs(x, edges))
    equal = ours("sage", 5, torch.full((edges.shape[1],), 2.0))[1]
    close(equal, y)  # a mean


def test_gin():
    op, y, x, edges = ours("gin", 5)
    theirs = GINConv(nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 5)), train_eps=True)
    theirs = copied(theirs, eps=op.eps, nn__0__weight=op.first.weight, nn__0__bias=op.first.bias,
                    nn__2__weight=op.second.weight, nn__2__bias=op.second.bias)  # fmt: skip
    close(y, theirs(x, edges))
    twice = ours("gin", 5, torch.full((edges.shape[1],), 2.0))[1]
    close(twice, ours("gin", 5)[0]((x, Edges.of(torch.cat([edges, edges], 1), None, 12, x.dtype), None)))


@pytest.mark.parametrize("last", [False, True])
def test_gat(last):
    op, y, x, edges = ours("gat", 6, last=last)
    layer = op.layer
    theirs = copied(GATConv(8, 6 if last else 3, 2, concat=not last), att_src=layer.right, att_dst=layer.left,
                    bias=layer.bias, lin__weight=layer.weight.T)  # fmt: skip
    close(y, theirs(x, edges))


@pytest.mark.parametrize("last", [False, True])
def test_gatv2(last):
    op, y, x, edges = ours("gatv2", 6, last=last)
    theirs = copied(GATv2Conv(8, 6 if last else 3, 2, concat=not last), att=op.score, bias=op.bias,
                    lin_l__weight=op.source.weight, lin_l__bias=op.source.bias, lin_r__weight=op.target.weight,
                    lin_r__bias=op.target.bias)  # fmt: skip
    found = theirs(x, edges)  # its messages hold the bias of the source, ours too
    close(y, found)


@pytest.mark.parametrize("last", [False, True])
def test_transformer_with_loops(last):
    op, y, x, edges = ours("transformer", 6, last=last)
    names = {"key": op.key, "query": op.query, "value": op.value, "skip": op.skip}
    weights = {f"lin_{n}__{kind}": getattr(layer, kind) for n, layer in names.items() for kind in ("weight", "bias")}
    theirs = copied(TransformerConv(8, 6 if last else 3, 2, concat=not last), **weights)
    close(y, theirs(x, add_remaining_self_loops(edges, num_nodes=12)[0]))


def test_appnp(weight):
    op, y, x, edges = ours("appnp", 5, weight, steps=4, teleport=0.3)
    close(y, APPNP(4, 0.3)(op.linear(x), edges, weight))


def test_gcnii(weight):
    op, y, x, edges = ours("gcnii", 8, weight, number=3, teleport=0.2)
    theirs = copied(GCN2Conv(8, 0.2, 0.5, 3), weight1=op.linear.weight.T)
    close(y, theirs(x, x.flip(0), edges, weight))
    other, y, x, edges = ours("gcnii", 5, weight)
    theirs = copied(GCNConv(8, 5, bias=False), lin__weight=other.linear.weight)
    close(y, theirs(x, edges, weight))


def test_a_convolution_of_the_library(weight):
    x, edges = graph()
    op = Library(Place(8, 5), GraphConv).double()
    close(op((x, Edges.of(edges, weight, 12, x.dtype), None)), op.conv(x, edges, weight))
    no_weights = Library(Place(8, 5), SAGEConv).double()
    close(no_weights((x, Edges.of(edges, weight, 12, x.dtype), None)), no_weights.conv(x, edges))


@pytest.mark.parametrize("name", [n for n in OPERATIONS if n != "mlp"])
def test_fast_and_plain_forms_are_one(name, weight):
    op, y, x, edges = ours(name, 8, weight)
    for module in op.modules():
        if isinstance(module, MessagePassing):
            module.fuse = False
    torch.testing.assert_close(op((x, Edges.of(edges, weight, 12, x.dtype), x.flip(0))), y)


@pytest.mark.parametrize("name", OPERATIONS)
def test_sparse_features_and_lonely_nodes(name):
    """Features with few entries are multiplied as such; a graph without edges gives finite numbers."""
    torch.manual_seed(0)
    op = OPERATIONS[name](Place(40, 4, heads=2)).double()
    given = Edges.of(graph()[1], None, 12, torch.float64)
    torch.testing.assert_close(op((dropped(SPARSE, 0.0, False), given, None)), op((SPARSE, given, None)))
    lonely = Edges.of(torch.zeros(2, 0, dtype=torch.long), None, 12, torch.float64)
    y = op((SPARSE, lonely, None))
    y.sum().backward()
    assert torch.isfinite(y).all() and all(torch.isfinite(p.grad).all() for p in op.parameters() if p.grad is not None)


@pytest.fixture(params=[False, True], ids=["no loops", "loops"])
def featured(request):
    """x, edges and their features; with loops at three nodes, which have features of their own."""
    x, edges = graph()
    if request.param:
        edges = torch.cat([edges, torch.tensor([[3, 7, 9], [3, 7, 9]])], 1)[:, torch.randperm(edges.shape[1] + 3)]
    return x, edges, torch.randn(edges.shape[1], 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def on_features(name, featured, outputs=6, **more):
    x, edges, attr = featured
    torch.manual_seed(1)
    op = OPERATIONS[name](Place(8, outputs, heads=2, edges=3, **more)).double()
    for parameter in op.parameters():
        parameter.data.normal_(0, 0.5)
    given = (x, Edges.of(edges, None, 12, torch.float64, attr), None)
    y = op(given)
    if isinstance(op, MessagePassing):
        op.fuse = False
        close(op(given), y)
    return op, y


@pytest.mark.parametrize("last", [False, True])
def test_gat_on_features_of_edges(featured, last):
    op, y = on_features("gat", featured, last=last)
    layer = op.layer
    theirs = copied(GATConv(8, 6 if last else 3, 2, concat=not last, edge_dim=3), att_src=layer.right,
                    att_dst=layer.left, att_edge=layer.middle, bias=layer.bias, lin__weight=layer.weight.T,
                    lin_edge__weight=layer.between.T)  # fmt: skip
    close(y, theirs(*featured))


@pytest.mark.parametrize("last", [False, True])
def test_gatv2_on_features_of_edges(featured, last):
    op, y = on_features("gatv2", featured, last=last)
    theirs = copied(GATv2Conv(8, 6 if last else 3, 2, concat=not last, edge_dim=3), att=op.score, bias=op.bias,
                    lin_l__weight=op.source.weight, lin_l__bias=op.source.bias, lin_r__weight=op.target.weight,
                    lin_r__bias=op.target.bias, lin_edge__weight=op.edge.weight)  # fmt: skip
    close(y, theirs(*featured))


@pytest.mark.parametrize("last", [False, True])
def test_transformer_on_features_of_edges(featured, last):
    """Theirs has the loops that are given: those that ours adds are given to it, with the mean of the features."""
    op, y = on_features("transformer", featured, last=last)
    x, edges, attr = featured
    names = {"key": op.key, "query": op.query, "value": op.value, "skip": op.skip}
    weights = {f"lin_{n}__{kind}": getattr(layer, kind) for n, layer in names.items() for kind in ("weight", "bias")}
    theirs = copied(TransformerConv(8, 6 if last else 3, 2, concat=not last, edge_dim=3),
                    lin_edge__weight=op.edge.weight, **weights)  # fmt: skip
    between = edges[0] != edges[1]
    _, filled = add_self_loops(edges[:, between], attr[between], "mean", 12)
    missing = torch.ones(12, dtype=torch.bool).index_fill(0, edges[0, ~between], False)
    loops = torch.arange(12)[missing].repeat(2, 1)
    close(y, theirs(x, torch.cat([edges, loops], 1), torch.cat([attr, filled[-12:][missing]])))


def test_gine(featured):
    op, y = on_features("gin", featured, 5)
    theirs = GINEConv(nn.Sequential(nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, 5)), train_eps=True, edge_dim=3)
    theirs = copied(theirs, eps=op.eps, nn__0__weight=op.first.weight, nn__0__bias=op.first.bias,
                    nn__2__weight=op.second.weight, nn__2__bias=op.second.bias, lin__weight=op.edge.weight,
                    lin__bias=op.edge.bias)  # fmt: skip
    close(y, theirs(*featured))


@pytest.mark.parametrize("name", ["gin", "gat", "gatv2", "transformer"])
def test_features_of_edges_have_gradients(name, featured):
    op, y = on_features(name, featured)
    y.sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for n, p in op.named_parameters() if "edge" in n)
