"""appnas.spaces.graphs.inputs: every network takes features of other types and layouts, in inference mode too."""

import copy
import random

import pytest
import torch

pytest.importorskip("torch_geometric")

from appnas.space import IO, random_arch
from appnas.spaces import GNN, GraphMix, GraphNet, NASBenchGraph

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
