"""zero_cost: the flow against one worked out by hand; norms off and on again; nothing of a supernet changes."""

import pytest
import torch
from torch import nn

from appnas.one_shot import AtInit
from appnas.one_shot.zero_cost import flow, ones, without_norms
from appnas.space import full_mask
from appnas.spaces import Recurrent
from appnas.strategy import Draw
from appnas.testing import identical, round_trip


class Two(nn.Module):
    """2 inputs, g_0 times a linear layer, 1 output."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(2, 2, bias=False), nn.Linear(2, 1, bias=False)
        self.norm = nn.BatchNorm1d(2)
        with torch.no_grad():
            self.first.weight.copy_(torch.tensor([[1.0, -2.0], [-3.0, 4.0]]))
            self.last.weight.copy_(torch.tensor([[-1.0, 2.0]]))

    def forward(self, x, gates):
        return self.last(self.norm(gates[0] * self.first(x)))


def test_flow_by_hand():
    """Absolute weights on ones: [3, 7], times the gate, times [1, 2]."""
    net, gate = Two(), torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    before = {name: x.clone() for name, x in net.state_dict().items()}
    value = flow(net, (torch.zeros(1, 2),), (gate,), norms=False)
    assert value.dtype == torch.float64 and float(value.detach()) == pytest.approx(0.5 * 17)
    assert float(torch.autograd.grad(value, gate)[0]) == pytest.approx(17)
    assert identical(dict(net.state_dict()), before) and net.first.weight.dtype == torch.float32


def test_norms_are_passed_only_inside():
    net, x = Two(), torch.tensor([[1.0, 1.0], [2.0, 0.0]])
    gates = (torch.ones(()),)
    normed = net(x, gates)
    with without_norms(net):
        torch.testing.assert_close(net(x, gates), net.last(net.first(x)))
    torch.testing.assert_close(net(x, gates), normed)
    with pytest.raises(ZeroDivisionError), without_norms(net):
        raise ZeroDivisionError
    torch.testing.assert_close(net(x, gates), normed)


def test_ones_keep_integers():
    x, edges = ones((torch.zeros(2, 3), torch.tensor([[0, 1]])), torch.float64)
    assert torch.equal(x, torch.ones(2, 3, dtype=torch.float64)) and torch.equal(edges, torch.tensor([[0, 1]]))


def gates_of(space):
    return tuple(mask.double().requires_grad_() for mask in full_mask(space.choices))


@pytest.mark.parametrize("proxy", ["freeflow", "synflow", "loss"])
def test_new_weights_for_every_draw_and_the_same_ones_for_a_seed(bench201, digits, proxy):
    evaluator, draw = AtInit(bench201, digits, proxy), Draw((3,) * 6, gates_of(bench201))
    assert evaluator.score(draw).value.requires_grad
    second, other = evaluator.score(draw).value.detach(), AtInit(bench201, digits, proxy)
    first = other.score(draw).value.detach()
    resumed = AtInit(bench201, digits, proxy)
    resumed.load_state_dict(round_trip(other.state_dict()))
    assert torch.equal(resumed.score(draw).value.detach(), second) and not torch.equal(first, second)


def test_the_loss_is_that_of_the_next_training_batch(chain, regression):
    """No labels are read by the others: they have no stream."""
    evaluator, gates = AtInit(chain, regression, "loss"), gates_of(chain)
    value = float(evaluator.score(Draw((1, 1), gates)).value.detach())
    torch.manual_seed(100_003)
    net = chain.supernet(regression.io)
    batch = next(AtInit(chain, regression, "loss").train)
    loss = regression.loss(lambda x: net(x, gates=tuple(g.float() for g in gates)), batch).mean()
    assert value == pytest.approx(-float(loss.detach()))
    assert AtInit(chain, regression, "freeflow").train is None


@pytest.mark.parametrize("proxy", ["freeflow", "synflow", "loss"])
def test_dropout_has_no_say(licence, proxy):
    """Nor has the global generator: a dropped word or unit would make all scores zero by chance."""
    space = Recurrent(nodes=3, hidden=4, width=4)
    values = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        values.append(AtInit(space, licence, proxy).score(Draw((0,) * 6, gates_of(space))).value.detach())
    assert torch.equal(*values)


def test_a_draw_without_gates_is_refused(chain, regression):
    with pytest.raises(ValueError, match="gates"):
        AtInit(chain, regression, "freeflow").score(Draw((1, 1)))
