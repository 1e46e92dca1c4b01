"""spaces.text.one_path: equal to the cell's modules in values and gradients, once and twice; hooks are heard."""

import pytest
import torch

from appnas.spaces.text.highway import ACTIVATIONS, Highway
from appnas.spaces.text.one_path import one_path
from appnas.spaces.text.plan import Plan, one_by_one
from appnas.supernet import plain

CELL = ((0, "tanh"), (1, "relu"), (1, "linear"), (1, "relu"), None, (5, "sigmoid"))
"""Three nodes on one state, one without a candidate, and one that reads that."""
NAMES = list(ACTIVATIONS)


def wide(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).requires_grad_()


def given(own):
    """Inputs, hidden state, mask, matrices, gates."""
    mask = torch.tensor([[0.0, 2.0, 2.0]], dtype=torch.float64).expand(4, 3)
    weights = [wide(3, 6, seed=i) for i in range(6)]
    gates = [wide(4 if own else 1, seed=9 + i) for i in range(5)]
    return wide(3, 4, 6, seed=20), wide(4, 3, seed=21), mask, weights, gates


@pytest.mark.parametrize("eps", [None, 1e-5], ids=["no norm", "norm"])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("gated", [None, "shared", "own"])
def test_values_and_gradients(eps, masked, gated):
    x, h, mask, (first, *weights), gates = given(gated == "own")
    plan, gates = Plan(CELL, eps), gates if gated else []
    mask = mask if masked else None
    wanted, found = [x, h, first, *weights, *gates], []
    for out in (
        one_path(plan, x, h, mask, first, weights, gates),
        one_by_one(plan, x, h, mask, first, *weights, *gates),
    ):
        found.append([out, *torch.autograd.grad(out.pow(3).sum(), wanted)])
    torch.testing.assert_close(*found, rtol=1e-10, atol=1e-12)


def test_gradients_twice():
    x, h, _, (first, *weights), gates = given(False)
    plan = Plan(((0, "tanh"), (1, "sigmoid"), (0, "linear")), 1e-5)
    weights, gates = weights[:3], gates[:3]
    assert torch.autograd.gradgradcheck(lambda h, *g: one_path(plan, x, h, None, first, weights, g), (h, *gates))


def test_a_derived_cell_hears_hooks():
    allowed = [[[] for _ in range(i)] for i in range(1, 5)]
    for i, (source, name) in enumerate(((0, "tanh"), (1, "relu"), (1, "relu"), (2, "sigmoid"))):
        allowed[i][source] = [name]
    net, x, h = Highway(8, allowed), torch.randn(5, 6, 8), torch.randn(6, 8)

    def modules():
        with plain():
            return net(x, h)

    torch.testing.assert_close(net(x, h), modules())
    heard = []
    net.nodes[0]["tanh"].register_forward_hook(lambda *_: heard.append(1))
    torch.testing.assert_close(net(x, h), modules())
    assert len(heard) == 2 * 5
    with torch.no_grad():
        assert net(x[:1], h).shape == (1, 6, 8)
