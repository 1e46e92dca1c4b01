"""Policies of Stable-Baselines3 that are one network and nothing else, and schedules that end with the whole budget."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import Tensor, nn


class Given(BaseFeaturesExtractor):
    """A network that exists already, as the whole of an agent; a second one of the agent (DQN's target) is a copy."""

    def __init__(self, observation_space: Any, network: nn.Module, features: int, taken: list[nn.Module]):
        super().__init__(observation_space, features)
        self.network = copy.deepcopy(network) if taken else network
        taken.append(self.network)

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, C, H, W] -> [B, outputs]."""
        out: Any = self.network(x)  # with a second part from an auxiliary head, which nothing here would teach
        return out[0] if isinstance(out, tuple) else out  # type: ignore[no-any-return]


class Slice(nn.Module):
    """A part of the features."""

    def __init__(self, start: int, end: int):
        super().__init__()
        self.start, self.end = start, end

    def forward(self, x: Tensor) -> Tensor:
        """Shapes: [B, F] -> [B, end - start]."""
        return x[:, self.start : self.end]


class WholeActorCritic(ActorCriticPolicy):
    """PPO's policy without layers of its own: logits and value are parts of the features."""

    def _build(self, lr_schedule: Callable[[float], float]) -> None:
        self._build_mlp_extractor()
        actions = int(self.action_space.n)  # type: ignore[attr-defined]
        self.action_net, self.value_net = Slice(0, actions), Slice(actions, actions + 1)  # type: ignore[assignment]
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]


class WholeQ(DQNPolicy):
    """DQN's policy without layers of its own: the features are the values of the actions."""

    def make_q_net(self) -> QNetwork:
        """Features, and nothing after them; the network stays where it is, and so its weights the optimiser's."""
        net = QNetwork(**self._update_features_extractor(self.net_args, features_extractor=None))
        net.q_net = nn.Sequential()
        return net


class Horizon(BaseCallback):
    """Schedules end with the whole budget, not with the iteration at hand."""

    def __init__(self, budget: int):
        super().__init__()
        self.budget = budget

    def _on_training_start(self) -> None:
        self.model._total_timesteps = self.budget

    def _on_step(self) -> bool:
        return True
