"""Play without sight, the floor of every return: one action always, any action, and a network that sees black frames.

An agent that is worth no more has learned nothing from its frames. In Procgen's coinrun the best single action is worth
6.9 of 10, more than early agents are. The blind twin, the same network trained on black frames, learns whatever can be
had without sight, such as how often to do what: the honest floor, at the price of a training.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper
from torch import Tensor, nn


class Floor(NamedTuple):
    """Mean returns of play without sight.

    Attributes:
        any: every action alike.
        constant: the best single action.
        action: which one that is.
    """

    any: float
    constant: float
    action: int

    @property
    def best(self) -> float:
        """The better of both."""
        return max(self.any, self.constant)


class VecBlind(VecEnvWrapper):
    """Environments that show nothing: all zeros, of the same shape and type, also of a dictionary."""

    def __init__(self, env: VecEnv):
        super().__init__(env)

    def reset(self) -> Any:
        """Nothing."""
        return _black(self.venv.reset())

    def step_wait(self) -> Any:
        """Nothing, but rewards and ends as they are."""
        shown, rewards, dones, infos = self.venv.step_wait()
        for info in infos:
            if "terminal_observation" in info:
                info["terminal_observation"] = _black(info["terminal_observation"])
        return _black(shown), rewards, dones, infos


def _black(shown: Any) -> Any:
    return {key: _black(part) for key, part in shown.items()} if isinstance(shown, dict) else np.zeros_like(shown)


class Same(nn.Module):
    """Always one action, or any. Shapes: [B, ...] -> [B, outputs], logits."""

    scores: Tensor

    def __init__(self, outputs: int, action: int | None):
        super().__init__()
        self.register_buffer("scores", torch.zeros(outputs))
        if action is not None:
            self.scores[action] = 100.0

    def forward(self, x: Tensor) -> Tensor:
        """Its scores, whatever it sees."""
        return self.scores.expand(len(x), -1)


def floor(domain: Any, episodes: int = 0) -> Floor:
    """Play every single action, and any, on the training levels.

    Args:
        domain: `appnas.domains.rl.RL`, with a finite number of actions.
        episodes: of each, at least; 0 for the options' number.
    """
    played = copy.copy(domain)
    played.options = replace(domain.options, algorithm="ppo", blind=False)  # which draws from the logits
    outputs = domain.io.outputs[0]
    found = {k: played.evaluate(Same(outputs, k), "score", episodes)["return"] for k in [None, *range(domain.actions)]}
    chosen = max(range(domain.actions), key=lambda k: found[k])
    return Floor(found[None], found[chosen], chosen)
