"""Atari 2600 by `ale-py` (Bellemare et al., arXiv 1207.4708): four grey frames of 84 x 84 pixels, any of its games."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from appnas.domains.rl.domain import RL, Split, need, salted
from appnas.domains.rl.games.floors import ATARI
from appnas.domains.rl.options import Options
from appnas.support import checked

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv


@dataclass(frozen=True)
@checked(sticky=0)
class AtariOptions(Options):
    """A game of Atari, with PPO's settings of its paper (arXiv 1707.06347, table 5)."""

    game: str = "breakout"
    """A game by its name in ale-py, such as ms_pacman."""
    sticky: float = 0.0
    """Share of actions that are replaced by the one before (PPO's authors: none; arXiv 1709.06009: 0.25)."""
    envs: int = 8
    """Environments side by side."""
    rollout: int = 128
    """Steps of every environment in one iteration."""
    batch: int = 256
    """Transitions a gradient step."""
    lr: float = 2.5e-4
    """Adam's learning rate. The paper's falls to 0; here it is constant."""
    gamma: float = 0.99
    """Discount."""
    clip: float = 0.1
    """Largest change of the probability ratio and of the value. The paper's falls to 0; here it is constant."""
    normalise: bool = False
    """Divide training rewards by the running deviation of the return: here they are cut to -1, 0 and 1."""
    episodes: int = 16
    """Episodes of an evaluation, at least one for each of its environments."""


class Atari(RL):
    """A game of Atari. Training sees rewards of -1, 0 and 1, and lives as episodes; evaluation sees whole games."""

    options: AtariOptions
    extra = "atari"

    def __init__(self, options: AtariOptions = AtariOptions()):
        need("ale_py", extra="atari")
        from ale_py import roms

        known = roms.get_all_rom_ids()
        if options.game not in known:
            close = difflib.get_close_matches(options.game.lower(), known, 1, 0.5)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"ale-py has no game {options.game!r}, it has {len(known)} such as {ATARI}{hint}")
        super().__init__(options)

    def make(self, split: Split, count: int, seed: int) -> VecEnv:
        """The game, `count` times."""
        from appnas.domains.rl.games.players import AtariVec

        return AtariVec(self.options.game, count, salted(seed, split), self.options.sticky, split == "train")
