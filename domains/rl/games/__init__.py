"""Games that come in packages of their own: MinAtar, MiniGrid, Atari, each an extra of this one.

Here belongs what makes such a game a domain: its frames, settings that are known to work, and what blind play is worth.
"""

from typing import get_args

from appnas.domains.rl.games.atari import GAMES, Atari, AtariOptions
from appnas.domains.rl.games.floors import FLOORS, about
from appnas.domains.rl.games.minatar import Game, MinAtar, MinAtarOptions
from appnas.domains.rl.games.minigrid import WORLDS, MiniGrid, MiniGridOptions

PLAYED: dict[str, tuple[str, ...]] = {"minatar": get_args(Game), "minigrid": WORLDS, "atari": GAMES}
"""Games with names in the catalogue, of every family."""

__all__ = [
    "FLOORS", "PLAYED", "Atari", "AtariOptions", "MinAtar", "MinAtarOptions", "MiniGrid", "MiniGridOptions", "about",
]  # fmt: skip
