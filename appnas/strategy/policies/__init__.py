"""Distributions over architectures that learn from scores: controllers and the rules that move them.

Here belongs what is sampled and then rewarded. What keeps a population, neighbours or a model of all values told is one
folder up.
"""

from appnas.strategy.policies.advantage import Advantage, moving_average
from appnas.strategy.policies.controllers import LSTM, Controller, Independent, Kind, controller
from appnas.strategy.policies.edge_weights import EdgeWeights
from appnas.strategy.policies.policy_gradient import PolicyGradient, reinforce, step_down

__all__ = [
    "LSTM", "Advantage", "Controller", "EdgeWeights", "Independent", "Kind", "PolicyGradient", "controller",
    "moving_average", "reinforce", "step_down",
]  # fmt: skip
