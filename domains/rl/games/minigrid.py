"""MiniGrid's worlds (Chevalier-Boisvert et al., arXiv 2306.13831), seen by the agent: 7 x 7 fields, one reward."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appnas.domains.rl.domain import RL, Split, need, salted
from appnas.domains.rl.games.floors import WORLDS
from appnas.domains.rl.options import Options

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv


@dataclass(frozen=True)
class MiniGridOptions(Options):
    """A world of MiniGrid, with PPO's settings of rl-starter-files (16 environments, rollouts of 128, 4 epochs)."""

    game: str = "DoorKey-5x5"
    """A world by its name without MiniGrid- and -v0, such as Empty-8x8."""
    envs: int = 16
    """Environments side by side."""
    rollout: int = 128
    """Steps of every environment in one iteration."""
    batch: int = 256
    """Transitions a gradient step."""
    epochs: int = 4
    """Passes over a rollout."""
    lr: float = 1e-3
    """Adam's learning rate, constant."""
    gamma: float = 0.99
    """Discount."""
    normalise: bool = False
    """Divide training rewards by the running deviation of the return: here they are 0 to 1 already."""


class MiniGrid(RL):
    """A world of MiniGrid: its view [21, 7, 7], one of each set for kind, colour and state of a field."""

    options: MiniGridOptions
    extra = "minigrid"

    def __init__(self, options: MiniGridOptions = MiniGridOptions()):
        need("minigrid", extra="minigrid")
        import gymnasium
        import minigrid  # noqa: F401  (it registers its worlds)

        known = {name[len("MiniGrid-") : -len("-v0")] for name in gymnasium.registry if name.startswith("MiniGrid-")}
        if options.game not in known:
            close = difflib.get_close_matches(options.game, sorted(known), 3, 0.4)
            hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
            raise ValueError(f"MiniGrid has no world {options.game!r}, it has {len(known)} such as {WORLDS}{hint}")
        super().__init__(options)

    def make(self, split: Split, count: int, seed: int) -> VecEnv:
        """The world, `count` times, anew in every episode; channels first."""
        import gymnasium

        from appnas.agent.vec_observations import frames
        from appnas.domains.rl.games.players import Symbols
        from appnas.domains.rl.vectors import vector

        name = f"MiniGrid-{self.options.game}-v0"
        made: VecEnv = frames(
            vector(lambda: Symbols(gymnasium.make(name)), count, salted(seed, split)), layout="channels_last"
        )
        return made

    def normal(self) -> tuple[float, float]:
        """The goal never, and at once."""
        return 0.0, 1.0
