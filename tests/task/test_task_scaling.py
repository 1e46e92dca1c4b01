"""appnas.task.scaling: gradients that would vanish in float16 do not, and nobody sees the factor."""

from __future__ import annotations

import pytest
import torch

from appnas.task import DivergedError, Scaling
from appnas.task.scaling import PATIENCE, START


def small(scaling):
    """A loss whose gradient, 2^-26, is 0 in float16, by a tensor that is half inside and whole outside."""
    x = torch.ones((), requires_grad=True)
    inside = scaling.enter(x).half().float()
    return x, scaling.leave(inside * 2.0**-26)


def test_small_gradients_survive():
    x, loss = small(Scaling(on=False))
    loss.backward()
    assert x.grad == 0
    x, loss = small(Scaling(on=True))
    loss.backward()
    assert x.grad == 2.0**-26 and loss.item() == 2.0**-26


def test_the_factor_halves_where_a_gradient_overflows_and_doubles_after_patience():
    scaling = Scaling(on=True)
    assert not scaling.sound([torch.tensor([1.0, float("inf")]), None]) and scaling.factor == START / 2
    for _ in range(PATIENCE - 1):
        assert scaling.sound([torch.ones(2)])
    assert scaling.factor == START / 2
    assert scaling.sound([torch.ones(2)]) and scaling.factor == START and scaling.good == 0
    other = Scaling(on=True)
    assert scaling.sound([]) and not scaling.sound([torch.tensor(float("nan"))])
    other.load_state_dict(scaling.state_dict())
    assert (other.factor, other.good) == (START / 2, 0)


def test_off_nothing_is_looked_at():
    scaling = Scaling(on=False)
    x = torch.ones((), requires_grad=True)
    assert scaling.enter(x) is x and scaling.leave(x) is x and scaling.sound([torch.tensor(float("nan"))])


def test_a_gradient_of_gates_that_overflows_is_computed_again():
    """2^3 * 2^16 overflows float16, as do 2^15 and 2^14 and 2^13 times 8: the fifth factor, 2^12, does not."""
    scaling, alpha = Scaling(on=True), torch.ones(1, 2, requires_grad=True)
    gates = (2 * alpha,)
    loss, told = scaling.settled(lambda gates: scaling.leave((8 * scaling.enter(gates[0]).half()).sum().float()), gates)
    assert told == {"rescaled": 4.0} and scaling.factor == 2.0**12 and loss.item() == 32
    (slope,) = torch.autograd.grad(loss, alpha)
    assert slope.tolist() == [[16.0, 16.0]]


def test_what_is_never_finite_ends_the_search():
    scaling, gates = Scaling(on=True), (torch.zeros(1, 1, requires_grad=True),)
    with pytest.raises(DivergedError, match="however the loss is scaled"):
        scaling.settled(lambda gates: scaling.leave(scaling.enter(gates[0]).sqrt().sum()), gates)
    loss, _ = scaling.settled(lambda gates: gates[0].sum() / 0, gates)
    assert not torch.isfinite(loss)
