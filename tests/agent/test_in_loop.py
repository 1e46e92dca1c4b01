import copy
import math

import pytest
import torch
from torch import nn

from appnas.agent import ArchAdam, Hosted, Resident, Tempered, masses
from appnas.agent.in_loop import arch_entropy
from appnas.strategy import Draw
from appnas.supernet import SelfGated


@pytest.fixture
def gated(chain, regression):
    torch.manual_seed(0)
    return SelfGated(chain, chain.supernet(regression.io), Tempered())


def test_temperature_divides_and_is_saved(gated):
    """One meaning: a high temperature is an even mixture; it travels with the network."""
    with torch.no_grad():
        gated.alpha[0][0].copy_(torch.tensor([0.0, 2.0, 0.0, 0.0, 0.0]))
    even = gated.gates()[0][0, 1]
    gated.relax.set(2.0)
    torch.testing.assert_close(gated.gates()[0][0], torch.softmax(gated.alpha[0][0] / 2, -1))
    assert gated.gates()[0][0, 1] < even
    assert float(gated.state_dict()["relax.tau"]) == 2.0
    twin = copy.deepcopy(gated)
    gated.relax.set(0.5)
    assert float(twin.relax.tau) == 2.0 and twin.alpha[0].is_arch
    with pytest.raises(ValueError, match="above 0"):
        gated.relax.set(0.0)


def test_logits_have_a_group_of_their_own(gated):
    optimiser = ArchAdam(gated.parameters(), lr=1e-3, weight_decay=0.1, scale=4.0)
    weights, logits = optimiser.param_groups
    assert [id(p) for p in logits["params"]] == [id(p) for p in gated.alpha]
    assert len(weights["params"]) + 1 == len(list(gated.parameters()))
    assert (weights["lr_scale"], logits["lr_scale"], logits["weight_decay"]) == (1.0, 4.0, 0.0)
    assert len(ArchAdam(nn.Linear(2, 2).parameters()).param_groups) == 1
    with pytest.raises(ValueError, match="at least 0"):
        ArchAdam(gated.parameters(), scale=-1.0)


@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_the_scale_survives_a_host_that_overwrites_the_rate(gated, scale):
    """Adam's first step is the learning rate in every direction: 0.01 for weights, scale x 0.01 for logits."""
    optimiser = ArchAdam(gated.parameters(), lr=1.0, eps=0.0, scale=scale)
    before = [p.detach().clone() for p in gated.parameters()]
    for group in optimiser.param_groups:
        group["lr"] = 0.01
    gated(torch.rand(8, 3)).pow(2).sum().backward()
    optimiser.step()
    assert [group["lr"] for group in optimiser.param_groups] == [0.01, 0.01]
    for old, parameter in zip(before, gated.parameters(), strict=True):
        moved = (parameter - old).abs().max()
        rate = scale * 0.01 if getattr(parameter, "is_arch", False) else 0.01
        torch.testing.assert_close(moved, torch.tensor(rate), rtol=1e-3, atol=1e-6)
    again = ArchAdam(gated.parameters(), lr=1.0, scale=3.0)
    again.load_state_dict(optimiser.state_dict())
    assert again.param_groups[1]["lr_scale"] == scale


def test_a_resting_group_does_not_move_nor_remember(gated):
    optimiser = ArchAdam(gated.parameters(), scale=0.0)
    gated(torch.rand(8, 3)).sum().backward()
    gradient = gated.alpha[0].grad
    optimiser.step()
    assert not gated.alpha[0].any() and gated.alpha[0].grad is gradient
    assert gated.alpha[0] not in optimiser.state


def test_entropy_and_masses(chain):
    uniform = (torch.full((2, 5), 0.2),)
    assert arch_entropy(uniform) == pytest.approx(math.log(5))
    assert arch_entropy((torch.eye(5)[:2],)) == 0.0
    mixed = (torch.tensor([[1.0, 0, 0, 0, 0], [0, 0.5, 0.5, 0, 0]]),)
    assert arch_entropy(mixed) == pytest.approx(math.log(2) / 2)
    assert masses(chain.choices, mixed) == {"none": 0.5, "skip": 0.25, "tanh": 0.25, "sigmoid": 0.0, "linear": 0.0}


class Toy:
    """A host whose iteration adds one to its only state."""

    iteration = 4

    def __init__(self, network):
        self.optimiser, self.done = ArchAdam(network.parameters()), 0

    def advance(self):
        self.done += 1
        return {"value": float(self.done), "return": float(self.done)}

    def state_dict(self):
        return {"done": self.done}

    def load_state_dict(self, state):
        self.done = state["done"]


def test_strategy_and_evaluator(gated):
    strategy = Resident(gated, lambda step: 1.0 + step)
    evaluator = Hosted(Toy(gated), lambda step: (1.0, 2.0) if step % 2 == 0 else (0.0, 2.0))
    for step in range(3):
        draw = strategy.ask()
        assert float(gated.relax.tau) == 1.0 + step and not draw.gates[0].requires_grad
        score = evaluator.score(draw)
        assert evaluator.learn(draw) is None and strategy.tell(draw, score) is None
        assert [g["lr_scale"] for g in evaluator.host.optimiser.param_groups] == [float(step != 1), 2.0]
    assert float(score.value) == 3.0 and score.metrics == {"return": 3.0, "arch_entropy": pytest.approx(math.log(5))}
    assert "arch_entropy" not in evaluator.score(Draw(draw.arch)).metrics
    other = SelfGated(gated.space, gated.supernet, Tempered())
    with torch.no_grad():
        gated.alpha[0][:, 3] = 5.0
    twin = Resident(other)
    twin.load_state_dict(strategy.state_dict())
    assert twin.best() == (3, 3) and twin.step == 3 and float(other.relax.tau) == 3.0
    fresh = Hosted(Toy(gated), evaluator.scales)
    fresh.load_state_dict(evaluator.state_dict())
    assert (fresh.step, fresh.host.done) == (4, 4)
