"""appnas.spaces.graphs.inputs: features of other types and layouts, sparse ones, inference mode, free axes."""

import copy
import random

import pytest
import torch
from torch.nn import functional

pytest.importorskip("torch_geometric")

from appnas.space import IO, random_arch
from appnas.spaces import GNN, GraphMix, GraphNet, NASBenchGraph
from appnas.spaces.graphs.inputs import Features, OnGraphs, SparseLinear, dropped, sparse_features


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


EDGES = torch.tensor([[0, 1, 2, 3, 0], [1, 2, 3, 4, 4]])


@pytest.mark.parametrize("space", [GNN(), GraphMix(), NASBenchGraph()], ids=lambda space: type(space).__name__)
def test_features_of_other_types_and_layouts(space):
    network = space.build(random_arch(space, random.Random(0)), IO((6,), (3,))).eval()
    x = torch.eye(5, 6)
    wanted = network(x, EDGES)
    for other in (x.double(), x.to_sparse(), x.to_sparse_csr()):
        torch.testing.assert_close(network(other, EDGES), wanted)
    learnt = x.double().requires_grad_()
    for _ in range(2):  # nothing of the first backward pass is kept
        network(learnt, EDGES).sum().backward()
    with torch.inference_mode():
        torch.testing.assert_close(network(x * 1.0, EDGES.clone()), wanted)


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_sparse_features_give_what_dense_ones_give(share):
    x = torch.where(torch.rand(40, 30, generator=rng()) < share, 1.0, 0.0)
    linear = SparseLinear(30, 4)
    y = linear(x)
    assert (sparse_features(x) is None) == (share == 0.5)
    torch.testing.assert_close(y, functional.linear(x, linear.weight, linear.bias))
    y.pow(2).sum().backward()
    found, linear.weight.grad = linear.weight.grad, None
    functional.linear(x, linear.weight, linear.bias).pow(2).sum().backward()
    torch.testing.assert_close(found, linear.weight.grad, rtol=1e-4, atol=1e-4)


def test_inputs_that_learn_stay_dense():
    x = torch.zeros(5, 30, requires_grad=True)
    SparseLinear(30, 2)(x).sum().backward()
    assert x.grad is not None and x.grad.any()


def test_dropout_of_sparse_features_keeps_zeros_and_the_mean():
    x = torch.zeros(200, 60)
    x[:, 0] = 1.0
    torch.manual_seed(0)
    entries = dropped(x, 0.5, True)
    assert isinstance(entries, Features) and set(entries.values.tolist()) == {0.0, 2.0}
    assert float(entries.values.mean()) == pytest.approx(1.0, abs=0.2)


def test_inputs_by_name_and_a_smaller_graph():
    x, weight, graph = torch.arange(10.0).view(5, 2), torch.arange(5.0), torch.tensor([0, 0, 1, 1, 2])
    network = OnGraphs()
    assert network.axes(x, EDGES, weight) == {
        "x": {0: "nodes"},
        "edge_index": {1: "edges"},
        "edge_weight": {0: "edges"},
    }
    assert list(network.axes(x, EDGES, graph, weight)) == ["x", "edge_index", "graph", "edge_weight"]
    fewer = network.smaller(x, EDGES, graph, weight)
    for found, wanted in zip(fewer, (x[:3], EDGES[:, :2], graph[:3], weight[:2]), strict=True):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("space", [GNN(), GraphMix(), NASBenchGraph(), GraphNet()], ids=lambda s: type(s).__name__)
def test_vectors_that_are_learnt(space):
    """Nodes 1 to 3 have one, the others none: 0 in its place."""
    io = IO((2 + 4,), (3,), embedding=(3, 4))
    torch.manual_seed(0)
    network = space.build(random_arch(space, random.Random(0)), io).eval()
    assert network.embedding.weight.shape == (4, 4)
    x = torch.tensor([[1.0, 2, 0], [3, 4, 1], [0, 0, 2], [0, 0, 3], [0, 0, 0]])
    y = network(x, EDGES)
    plain = copy.deepcopy(network)
    torch.testing.assert_close(plain(x, EDGES), y)
    plain._forward_pre_hooks.clear()
    torch.testing.assert_close(plain(torch.cat([x[:, :2], network.embedding(x[:, 2].long())], 1), EDGES), y)
    y.sum().backward()
    assert network.embedding.weight.grad[1:].abs().sum(1).gt(0).any() and network.embedding.weight.grad[0].eq(0).all()
