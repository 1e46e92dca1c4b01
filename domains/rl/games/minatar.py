"""MinAtar's five games on 10 x 10 pixels (Young and Tian, arXiv 1903.03176): encoders can be ranked in minutes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from appnas.domains.rl.domain import RL, Split, need, salted
from appnas.domains.rl.games.floors import Game
from appnas.domains.rl.options import Options
from appnas.support import checked

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv


@dataclass(frozen=True)
@checked(limit=1, sticky=0)
class MinAtarOptions(Options):
    """A game of MinAtar, with PPO's settings that learn breakout within 200,000 steps."""

    game: Game = "breakout"
    """One of the five."""
    limit: int = 2500
    """Steps after which an episode is cut off."""
    sticky: float = 0.1
    """Share of actions that the game replaces by the one before (the authors: 0.1)."""
    envs: int = 32
    """Environments side by side."""
    rollout: int = 64
    """Steps of every environment in one iteration."""
    batch: int = 512
    """Transitions a gradient step."""
    lr: float = 1e-3
    """Adam's learning rate, constant."""
    gamma: float = 0.99
    """Discount."""


class MinAtar(RL):
    """A game of MinAtar. It has no levels: its test differs from its score in the seed alone."""

    options: MinAtarOptions
    extra = "minatar"

    def __init__(self, options: MinAtarOptions = MinAtarOptions()):
        need("minatar", extra="minatar")
        super().__init__(options)

    def make(self, split: Split, count: int, seed: int) -> VecEnv:
        """The game, `count` times, channels first."""
        from appnas.agent.vec_observations import frames
        from appnas.domains.rl.games.players import MinAtarGame
        from appnas.domains.rl.vectors import vector

        o = self.options
        env: Any = vector(lambda: MinAtarGame(o.game, o.limit, o.sticky), count, salted(seed, split))
        made: VecEnv = frames(env, layout="channels_last")
        return made
