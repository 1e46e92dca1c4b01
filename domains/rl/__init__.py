"""Reinforcement learning: agents of Stable-Baselines3 on gymnasium, Procgen, MinAtar, MiniGrid, Atari, Catch and Reach.

Here belongs what knows environments; encoders are in `appnas.spaces.rl`.
"""

from typing import TYPE_CHECKING

from appnas.support.lazy import lazily

if TYPE_CHECKING:
    from appnas.domains.rl.domain import RL
    from appnas.domains.rl.games import Atari, AtariOptions, MinAtar, MinAtarOptions, MiniGrid, MiniGridOptions
    from appnas.domains.rl.games.floors import GAMES
    from appnas.domains.rl.gyms import Catch, CatchOptions, Gym, GymOptions, pixels
    from appnas.domains.rl.options import Options
    from appnas.domains.rl.procgen import Procgen, ProcgenOptions
    from appnas.domains.rl.vectors import Reach

__all__ = [
    "GAMES", "RL", "Atari", "AtariOptions", "Catch", "CatchOptions", "Gym", "GymOptions", "MinAtar", "MinAtarOptions",
    "MiniGrid", "MiniGridOptions", "Options", "Procgen", "ProcgenOptions", "Reach", "pixels",
]  # fmt: skip
__getattr__, __dir__ = lazily(__name__)
