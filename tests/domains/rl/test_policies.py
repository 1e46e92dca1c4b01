"""domains.rl.policies: a network that is the whole agent."""

import pytest
import torch
from torch import nn

pytest.importorskip("stable_baselines3", reason="the extra `rl` is not installed")

from gymnasium.spaces import Box

from appnas.domains.rl.policies import Given, Horizon, Slice


def test_the_first_network_is_taken_and_a_second_one_is_a_copy():
    space, net, taken = Box(0, 1, (2,)), nn.Linear(2, 3), []
    first, second = (Given(space, net, 3, taken) for _ in range(2))
    assert first.network is net and second.network is not net and taken == [net, second.network]
    assert torch.equal(second.network.weight, net.weight) and first.features_dim == 3


def test_what_an_auxiliary_head_says_is_left_out():
    class Two(nn.Module):
        def forward(self, x):
            return x, x + 1

    assert torch.equal(Given(Box(0, 1, (2,)), Two(), 2, [])(torch.ones(1, 2)), torch.ones(1, 2))


def test_a_part_of_the_features():
    assert Slice(1, 3)(torch.arange(4.0)[None]).tolist() == [[1.0, 2.0]]


def test_schedules_end_with_the_budget():
    class Model:
        logger = None
        _total_timesteps = 5

    horizon = Horizon(640)
    horizon.model = Model()
    horizon._on_training_start()
    assert horizon.model._total_timesteps == 640 and horizon._on_step()
