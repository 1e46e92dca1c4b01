"""Reinforcement learning: agents of Stable-Baselines3 on gymnasium, Procgen and a task without a download.

Here belongs what knows environments; encoders are in `appnas.spaces.rl`.
"""

from appnas.domains.rl.domain import RL
from appnas.domains.rl.gyms import Catch, CatchOptions, Gym, GymOptions, pixels
from appnas.domains.rl.options import Options
from appnas.domains.rl.procgen import GAMES, Procgen, ProcgenOptions

__all__ = [
    "GAMES", "RL", "Catch", "CatchOptions", "Gym", "GymOptions", "Options", "Procgen", "ProcgenOptions", "pixels",
]  # fmt: skip
