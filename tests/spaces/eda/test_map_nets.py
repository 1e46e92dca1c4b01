"""spaces.eda.map_nets: shapes for both heads and odd sizes; every weight learns; shortcuts keep what is local."""

import pytest
import torch

from appnas.space import IO
from appnas.spaces.eda import NETS


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("size", [(16, 16), (13, 18)])
@pytest.mark.parametrize("outputs", ["map", (2,)])
def test_shapes_and_gradients(name, size, outputs):
    torch.manual_seed(0)
    shape = size if outputs == "map" else outputs
    network = NETS[name](IO((3, *size), shape))
    out = network(torch.randn(4, 3, *size))
    assert out.shape == (4, *shape)
    out.pow(2).sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


@pytest.mark.parametrize("name", NETS)
def test_a_map_follows_its_input(name):
    """A change in one corner moves the output there most."""
    torch.manual_seed(0)
    network = NETS[name](IO((1, 32, 32), (32, 32))).eval()
    x = torch.zeros(1, 1, 32, 32)
    y = x.clone()
    y[0, 0, 2:5, 2:5] = 5
    with torch.no_grad():
        moved = (network(y) - network(x)).abs()[0]
    assert moved[:8, :8].mean() > 3 * moved[24:, 24:].mean()
