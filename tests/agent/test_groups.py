"""appnas.agent.groups: rates of their own in any optimiser."""

import copy
import pickle

import pytest
import torch
from torch import nn

from appnas.agent import ArchAdam
from appnas.agent.groups import Grouped, alone, grouped, of_logits

KINDS = [torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop, torch.optim.SGD, torch.optim.NAdam]


def network():
    """Weights at rate 1 and at a tenth, logits."""
    net = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2, bias=False)])
    for p in net[1].parameters():
        p.lr_scale = 0.1
    net[2].weight.is_arch = True
    return net


def stepped(net, optimiser):
    for p in net.parameters():
        p.grad = torch.ones_like(p)
    optimiser.step()


@pytest.mark.parametrize("kind", KINDS)
def test_every_group_is_the_optimiser_at_its_rate(kind):
    """As three optimisers at three rates, also after a host has written one rate into all groups."""
    torch.manual_seed(0)
    net = network()
    apart = copy.deepcopy(net)
    ours = grouped(kind)(net.parameters(), lr=1.0, scale=5.0, weight_decay=0.1)
    rates = [(0, 1.0, 0.1), (1, 0.1, 0.1), (2, 5.0, 0.0)]
    theirs = [kind(apart[i].parameters(), lr=0.01 * rate, weight_decay=decay) for i, rate, decay in rates]
    assert [g["lr_scale"] for g in ours.param_groups] == [1.0, 0.1, 5.0]
    assert [of_logits(g) for g in ours.param_groups] == [False, False, True]
    for _ in range(3):
        for group in ours.param_groups:
            group["lr"] = 0.01
        stepped(net, ours)
        for optimiser in theirs:
            stepped(apart, optimiser)
        assert [g["lr"] for g in ours.param_groups] == [0.01] * 3
    for a, b in zip(net.parameters(), apart.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_class_is_made_once_and_travels():
    made = grouped(torch.optim.RMSprop)
    assert made is grouped(torch.optim.RMSprop) is grouped(made) and issubclass(made, (Grouped, torch.optim.RMSprop))
    assert alone(made) is torch.optim.RMSprop and alone(torch.optim.SGD) is torch.optim.SGD
    assert grouped(ArchAdam) is alone(ArchAdam) is ArchAdam
    for module in (pickle, pytest.importorskip("cloudpickle")):  # the second is what SB3 saves with
        assert module.loads(module.dumps(made)) is made
    net = network()
    state = made(net.parameters(), scale=3.0).state_dict()
    again = made(net.parameters())
    again.load_state_dict(state)
    assert again.param_groups[-1]["lr_scale"] == 3.0


def test_what_cannot_be():
    with pytest.raises(ValueError, match="at least 0, got -1"):
        grouped(torch.optim.SGD)(network().parameters(), scale=-1.0)
    with pytest.raises(ValueError, match="LBFGS"):
        grouped(torch.optim.LBFGS)(network().parameters())
