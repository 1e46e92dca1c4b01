import pytest
import torch

from appnas.cost import saved_bytes
from appnas.spaces.parts.frugal import add_separable
from appnas.spaces.parts.kernels import separable
from appnas.supernet import add_normed


@pytest.mark.parametrize("shapes", [[(1, 1), (1, 1)], [(2, 1), (1, 1)], [(1, 2)]], ids=str)
@pytest.mark.parametrize("learns", [True, False])
@pytest.mark.parametrize("started", [True, False])
def test_is_the_sum_that_keeps_more(shapes, learns, started):
    """To 1e-14, gradients included, and with the input alone kept."""
    rng = torch.Generator().manual_seed(0)
    x = torch.rand(2, 4, 6, 6, generator=rng, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    sizes = [(4, 1, 5, 5), (4, 4, 1, 1)] * len(shapes)
    weights = [torch.randn(s, generator=rng, dtype=torch.float64).requires_grad_(learns) for s in sizes]
    gate = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    x.requires_grad_()
    wanted = [x, gate, *(weights if learns else [])]

    def total():
        return torch.ones(2, 4, 6 // shapes[0][0], 6 // shapes[0][0], dtype=torch.float64) if started else None

    a = add_separable(total(), x, gate, weights, shapes)
    b = add_normed(total(), separable(x, weights, shapes), gate)
    torch.testing.assert_close(a, b, rtol=1e-14, atol=1e-14)
    along = torch.randn(b.shape, generator=rng, dtype=torch.float64)
    pairs = zip(torch.autograd.grad(a, wanted, along), torch.autograd.grad(b, wanted, along), strict=True)
    assert max(float((u - v).norm() / v.norm()) for u, v in pairs) < 1e-14
    kept = saved_bytes(lambda: add_separable(total(), x, gate, [w.detach() for w in weights], shapes))
    assert kept < saved_bytes(lambda: add_normed(total(), separable(x, weights, shapes), gate))


def test_can_be_differentiated_twice():
    rng = torch.Generator().manual_seed(0)
    x, *weights = (
        torch.randn(s, generator=rng, dtype=torch.float64).requires_grad_()
        for s in [(2, 3, 4, 4), (3, 1, 3, 3), (3, 3, 1, 1)]
    )
    gate = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x, g, *w: add_separable(None, x, g, w, [(1, 1)]), (x, gate, *weights))
