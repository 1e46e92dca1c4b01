"""spaces.eda.linear: a gate as a factor of weights gives what a factor of maps gives; nothing is kept."""

import pytest
import torch

from appnas.cost import saved_bytes
from appnas.spaces.eda.linear import Conv, MixConv, convolved
from appnas.supernet import State, scale


@pytest.mark.parametrize("make", [lambda: Conv(4, 3, 3, padding=1, bias=False), lambda: MixConv(4, 3, (3, 5))])
@pytest.mark.parametrize("gate", [torch.tensor(0.3), torch.tensor([0.3, 2.0])], ids=["one", "an example's own"])
def test_gates_of_weights_are_gates_of_maps(make, gate):
    torch.manual_seed(0)
    op, gate = make().double(), gate.double().requires_grad_()
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64, requires_grad=True)
    total, wanted = torch.randn(2, 3, 6, 6, dtype=torch.float64), [x, gate, *op.parameters()]
    found = []
    for out in (op(State(x), gate, total.clone()), total + scale(op(x), gate)):
        found.append([out, *torch.autograd.grad(out.pow(2).sum(), wanted)])
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(op(State(x), gate), scale(op(x), gate))


def test_an_end_weighed():
    torch.manual_seed(0)
    op, x = Conv(4, 3, 3, padding=1, bias=False), torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(convolved(op, x, torch.tensor(0.5)), 0.5 * op(x))


def test_maps_are_not_kept_for_the_gate():
    op, x = Conv(8, 8, 3, padding=1, bias=False), torch.randn(4, 8, 16, 16)
    gate = torch.tensor(0.5, requires_grad=True)
    assert saved_bytes(lambda: op(State(x), gate)) < saved_bytes(lambda: scale(op(x), gate))
