"""appnas.spaces.graphs.inputs: every network takes features of other types and layouts, in inference mode too."""

import random

import pytest
import torch

pytest.importorskip("torch_geometric")

from appnas.space import IO, random_arch
from appnas.spaces import GNN, GraphMix, NASBenchGraph

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
