"""appnas.spaces.graphs.graph_parts: norms, residuals and heads by hand."""

import pytest
import torch

pytest.importorskip("torch_geometric")

from functools import partial

from torch import nn
from torch_geometric.nn import GATConv, GCNConv, GraphConv, ResGatedGraphConv, RGCNConv, SAGEConv, TransformerConv

from appnas.spaces.graphs.edges import Edges
from appnas.spaces.graphs.graph_parts import (
    NORMS,
    After,
    Both,
    Ego,
    Head,
    Initial,
    Library,
    Perceptron,
    Pool,
    Weighed,
    operation_of,
)
from appnas.spaces.graphs.graphnet import HEADS
from appnas.spaces.graphs.graphnet import NORMS as NAMES
from appnas.spaces.graphs.operations import OPERATIONS
from appnas.spaces.graphs.place import Place


def test_norms():
    assert tuple(NORMS) == NAMES
    x = torch.randn(50, 8) * 3 + 1
    assert torch.equal(NORMS["off"](8)((x, None)), x)
    torch.testing.assert_close(NORMS["l2"](8)((x, None)).norm(dim=1), torch.ones(50))
    torch.testing.assert_close(NORMS["layer"](8)((x, None)).mean(1), torch.zeros(50), atol=1e-5, rtol=0)
    torch.testing.assert_close(NORMS["batch"](8)((x, None)).mean(0), torch.zeros(8), atol=1e-5, rtol=0)
    torch.testing.assert_close(NORMS["pair"](8)((x, None)).pow(2).sum(1).mean(), torch.tensor(1.0))
    graph = torch.arange(50) // 20  # two of 20 nodes, one of 10
    alone = torch.cat([NORMS["pair"](8)((part, None)) for part in x.split(20)])
    torch.testing.assert_close(NORMS["pair"](8)((x, graph)), alone)


def test_residuals_read_the_input_and_the_first_state():
    x, first = torch.randn(5, 6), torch.randn(5, 4)
    ego, initial = Ego(Place(6, 3)), Initial(Place(6, 3), 4)
    torch.testing.assert_close(ego((x, None, first)), x @ ego.linear.weight.T)
    torch.testing.assert_close(initial((x, None, first)), first @ initial.linear.weight.T)


def test_both_directions_are_averaged():
    class First(nn.Module):
        def forward(self, given):
            return given[0] * given[1]

    torch.testing.assert_close(Both(First(), First())((torch.ones(2), (2.0, 4.0), None)), 3 * torch.ones(2))


def test_linear_layers():
    kinds = [type(layer).__name__ for layer in Perceptron(6, 5, 4, 2, 0.5, after=True)]
    assert kinds == ["SparseLinear", "ReLU", "Dropout", "SparseLinear", "ReLU"]
    assert [type(layer).__name__ for layer in Perceptron(6, 5, 4, 1, 0.5)] == ["SparseLinear"]


@pytest.mark.parametrize("kind", [kind for kind in HEADS if kind != "direct"])
def test_heads(kind):
    states = torch.randn(5, 4), torch.randn(5, 4)
    head = Head(kind, 2, 4, 3, 0.0)
    wanted = {"mean": (states[0] + states[1]) / 2, "max": torch.maximum(*states), "concat": torch.cat(states, 1)}
    torch.testing.assert_close(head(states), head.map(wanted.get(kind, states[1])))
    assert len(head.map) == (4 if kind == "mlp" else 1)


def test_states_and_graphs():
    states = tuple(torch.full((3, 2), float(i)) for i in range(4))
    assert After(2)(states) is states[1]
    x = torch.tensor([[1.0], [3.0], [5.0]])
    assert Pool("sum")((x, torch.tensor([0, 0, 1]))).flatten().tolist() == [4, 5]


EDGES = torch.tensor([[0, 1, 2, 0, 3], [1, 2, 0, 2, 3]])
ATTR = torch.tensor([[1.0, 0], [0, 1], [2, 1], [0, 3], [1, 1]])


def test_a_weight_is_learnt_of_features_where_there_is_a_place_for_weights_alone():
    x, op = torch.randn(4, 6), OPERATIONS["gcn"](Place(6, 3))
    weighed = Weighed(op, 2)
    given = Edges.of(EDGES, None, 4, x.dtype, ATTR)
    torch.testing.assert_close(weighed((x, given, None)), op((x, given, None)))  # at first all weigh 1
    weighed.score.weight.data = torch.tensor([[0.5, -1.0]])
    by = 2 * torch.sigmoid(ATTR @ torch.tensor([0.5, -1.0]))
    theirs = GCNConv(6, 3)
    theirs.lin.weight.data, theirs.bias.data = op.layer.weight.T, op.layer.bias
    torch.testing.assert_close(weighed((x, given, None)), theirs(x, EDGES, by))
    own = torch.tensor([1.0, 2, 3, 4, 5])
    torch.testing.assert_close(weighed((x, Edges.of(EDGES, own, 4, x.dtype, ATTR), None)), theirs(x, EDGES, by * own))
    weighed((x, given, None)).sum().backward()
    assert weighed.score.weight.grad.abs().sum() > 0


def test_what_a_library_takes():
    x, place = torch.randn(4, 6), Place(6, 3, edges=2)
    given = x, Edges.of(EDGES, None, 4, x.dtype, ATTR), None
    for kind in (TransformerConv, GATConv, ResGatedGraphConv):
        op = operation_of(partial(Library, kind=kind), place, 0)
        assert isinstance(op, Library) and op.conv.edge_dim == 2
        torch.testing.assert_close(op(given), op.conv(x, EDGES, ATTR))
    by_weight = operation_of(partial(Library, kind=GraphConv), place, 0)
    assert isinstance(by_weight, Weighed)
    torch.testing.assert_close(by_weight(given), by_weight.operation.conv(x, EDGES))
    blind = operation_of(partial(Library, kind=SAGEConv), place, 0)
    torch.testing.assert_close(blind(given), blind.conv(x, EDGES))


def test_relations_have_weights_of_their_own():
    """SAGE over relations is RGCNConv, but for the mean in the place of the sum."""
    x, relation = torch.randn(4, 6), torch.tensor([0, 1, 0, 1, 1])
    op = operation_of(OPERATIONS["sage"], Place(6, 3), 2)
    attr = torch.nn.functional.one_hot(relation, 2).float()
    theirs = RGCNConv(6, 3, 2)
    theirs.weight.data = torch.stack([each.neighbours.weight.T for each in op])
    theirs.root.data = sum(each.own.weight.T for each in op)
    torch.testing.assert_close(2 * op((x, Edges.of_relations(EDGES, None, 4, x.dtype, attr, 2), None)),
                               theirs(x, EDGES, relation))  # fmt: skip
    for name in OPERATIONS:
        both = operation_of(OPERATIONS[name], Place(6, 4, heads=2, edges=2), 2)
        weight, wide = torch.rand(5), torch.cat([ATTR, attr], 1)
        y = both((x, Edges.of_relations(EDGES, weight, 4, x.dtype, wide, 2), x))
        if name != "mlp":
            parts = [(EDGES[:, relation == r], weight[relation == r], ATTR[relation == r]) for r in (0, 1)]
            each = [o((x, Edges.of(i, w, 4, x.dtype, a), x)) for o, (i, w, a) in zip(both, parts, strict=True)]
            torch.testing.assert_close(y, (each[0] + each[1]) / 2)
