"""The sixteen games of Procgen (Cobbe, Hesse, Hilton and Schulman, arXiv 1912.01588), train levels and unseen ones.

An agent trains on 200 levels (easy; 500 for hard) and is tested on all. Normalised returns are (R - R_min) /
(R_max - R_min), with the constants of the authors' code (github.com/openai/train-procgen).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from appnas.domains.rl.domain import RL, Split, need, salted
from appnas.domains.rl.games.floors import GAMES
from appnas.domains.rl.options import Options
from appnas.support import checked

if TYPE_CHECKING:
    from stable_baselines3.common.vec_env import VecEnv


MODES = {
    "extreme": ("chaser", "dodgeball", "leaper", "starpilot"),
    "memory": ("caveflyer", "dodgeball", "heist", "jumper", "maze", "miner"),
    "exploration": ("caveflyer", "climber", "coinrun", "heist", "jumper", "leaper", "maze", "ninja"),
}
"""Games of the modes that not all have: Procgen ends the process at others."""
PASSED = (
    "center_agent", "use_backgrounds", "use_monochrome_assets", "restrict_themes", "use_generated_assets",
    "paint_vel_info", "use_sequential_levels",
)  # fmt: skip
"""Options that are Procgen's own, under its names."""


@dataclass(frozen=True)
@checked(levels=0, start_level=0, shrink=1)
class ProcgenOptions(Options):
    """A game, its levels, and the agent."""

    game: str = "coinrun"
    """One of the sixteen."""
    mode: Literal["easy", "hard", "extreme", "memory", "exploration"] = "easy"
    """Difficulty of the levels. Extreme, memory and exploration (one level for all) are modes of some games."""
    levels: int = 200
    """Training levels (the authors: 200 easy, 500 hard); 0 for all there are."""
    start_level: int = 0
    """Number of the first of them."""
    use_sequential_levels: bool = False
    """After a level that is completed comes the next one, in the same episode."""
    center_agent: bool = True
    """The view follows the agent, where the game has such."""
    use_backgrounds: bool = True
    """Pictures behind the game, else black."""
    use_monochrome_assets: bool = False
    """One colour for every kind of thing."""
    restrict_themes: bool = False
    """One look for every kind of thing."""
    use_generated_assets: bool = False
    """Looks that are drawn at random."""
    paint_vel_info: bool = False
    """The agent's velocity in a corner of the frame, where the game has such."""
    shrink: int = 1
    """Average-pool the 64 x 64 frames by this factor."""
    plain: bool = False
    """No backgrounds and one theme: easier to see, and not the benchmark."""

    def __post_init__(self) -> None:
        """Check the sizes and the game's name."""
        super().__post_init__()
        if self.game not in GAMES:
            close = difflib.get_close_matches(self.game.lower(), GAMES, 1, 0.5)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"Procgen has no game {self.game!r}, it has: {', '.join(GAMES)}{hint}")
        if self.game not in MODES.get(self.mode, GAMES):
            games = ", ".join(MODES[self.mode])
            raise ValueError(f"the mode {self.mode!r} is one of {games}; {self.game} has 'easy' and 'hard'")


class Procgen(RL):
    """A game of Procgen."""

    options: ProcgenOptions

    def __init__(self, options: ProcgenOptions = ProcgenOptions()):
        need("procgen", extra="procgen")
        super().__init__(options)

    def make(self, split: Split, count: int, seed: int) -> VecEnv:
        """The game, `count` times: on its training levels, or for "test" on all there are."""
        from appnas.domains.rl.vectors import Pooled, ProcgenVec

        o = self.options
        levels = 0 if split == "test" else o.levels
        start = 0 if split == "test" else o.start_level
        usual = ProcgenOptions()
        more = {name: getattr(o, name) for name in PASSED if getattr(o, name) != getattr(usual, name)}
        env = ProcgenVec(count, o.game, o.mode, levels, start, salted(seed, split), o.plain, **more)
        return Pooled(env, o.shrink) if o.shrink > 1 else env

    def normal(self) -> tuple[float, float] | None:
        """The authors' R_min and R_max, of the easy and the hard levels."""
        return getattr(GAMES[self.options.game], self.options.mode, None)
