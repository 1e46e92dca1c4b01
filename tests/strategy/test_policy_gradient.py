"""appnas.strategy.policy_gradient: estimators against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from appnas.strategy import moving_average, reinforce
from appnas.strategy.policy_gradient import ppo_clip


def test_moving_average():
    assert moving_average(None, 3.0, 0.9) == 3.0
    assert moving_average(1.0, 3.0, 0.9) == pytest.approx(1.2)
    assert moving_average(1.0, 3.0, 0.0) == 3.0


def test_reinforce_by_hand():
    logp = torch.tensor([-1.0, -2.0], requires_grad=True)
    reward, entropy = torch.tensor([3.0, 1.0]), torch.tensor([0.5, 1.5])
    loss = reinforce(logp, reward, 2.0, entropy, bonus=0.1)
    # -((1)(-1) + (-1)(-2)) / 2 - 0.1 * 1 = -0.5 - 0.1
    assert float(loss.detach()) == pytest.approx(-0.6)
    loss.backward()
    assert logp.grad.tolist() == pytest.approx([-0.5, 0.5])  # descent makes the better one likelier


def test_reinforce_takes_a_baseline_for_every_sample():
    loss = reinforce(torch.tensor([-1.0, -2.0]), torch.tensor([3.0, 1.0]), torch.tensor([3.0, 0.0]), torch.zeros(2))
    assert float(loss) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("ratio", "advantage", "objective", "slope"),
    [
        (1.5, 1.0, 1.2, 0.0),  # already much likelier: clipped, no gradient
        (1.5, -1.0, -1.5, -1.5),  # likelier and bad: the full penalty
        (0.5, 1.0, 0.5, 0.5),  # rarer and good: the full gain
        (0.5, -1.0, -0.8, 0.0),  # already much rarer: clipped
        (1.1, 2.0, 2.2, 2.2),  # within the clip
        (1.0, -3.0, -3.0, -3.0),
    ],
)
def test_ppo_clip_by_hand(ratio, advantage, objective, slope):
    old = torch.tensor([-2.0])
    logp = (old + math.log(ratio)).requires_grad_()
    loss = ppo_clip(logp, old, torch.tensor([advantage]), torch.zeros(1), clip=0.2)
    assert float(loss.detach()) == pytest.approx(-objective)
    loss.backward()
    assert logp.grad.item() == pytest.approx(-slope)


def test_ppo_clip_averages_and_pays_for_entropy():
    old = torch.zeros(2)
    logp = torch.tensor([math.log(1.5), math.log(0.5)])
    loss = ppo_clip(logp, old, torch.tensor([1.0, 1.0]), torch.tensor([2.0, 4.0]), clip=0.2, bonus=0.01)
    assert float(loss) == pytest.approx(-(1.2 + 0.5) / 2 - 0.03)
