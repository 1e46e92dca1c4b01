import pytest
import torch

from appnas.spaces.parts.bands import banded_weight_gradient, slow_dilation
from appnas.spaces.parts.kernels import depthwise_plain


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("side", [(8, 8), (3, 7), (1, 2)])
def test_is_torch_s_gradient(size, dilation, side):
    rng = torch.Generator().manual_seed(0)
    x, grad = (torch.randn(3, 4, *side, generator=rng, dtype=torch.float64) for _ in range(2))
    x, grad = (t.contiguous(memory_format=torch.channels_last) for t in (x, grad))
    weight = torch.randn(4, 1, size, size, generator=rng, dtype=torch.float64).requires_grad_()
    (expected,) = torch.autograd.grad(depthwise_plain(x, weight, 1, dilation), weight, grad)
    found = banded_weight_gradient(grad, x, size, dilation)
    assert float((found - expected).norm()) <= 1e-14 * float(expected.norm())


def test_where_it_is_used():
    assert slow_dilation() == (torch.backends.cpu.get_cpu_capability() != "AVX512")
