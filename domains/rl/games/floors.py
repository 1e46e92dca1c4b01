"""The games of the catalogue by name, and what play without sight is worth in them, to put beside any return."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

Game = Literal["asterix", "breakout", "freeway", "seaquest", "space_invaders"]
"""All of MinAtar's."""
WORLDS = ("Empty-5x5", "Empty-8x8", "DoorKey-5x5", "DoorKey-6x6", "FourRooms", "MultiRoom-N2-S4", "SimpleCrossingS9N1")
"""Those with names in the catalogue; any other goes by `game`."""
ATARI = (
    "alien", "amidar", "assault", "asterix", "bank_heist", "battle_zone", "boxing", "breakout", "chopper_command",
    "crazy_climber", "demon_attack", "freeway", "frostbite", "gopher", "hero", "jamesbond", "kangaroo", "krull",
    "kung_fu_master", "ms_pacman", "pong", "private_eye", "qbert", "road_runner", "seaquest", "up_n_down",
)  # fmt: skip
"""The 26 of SimPLe's benchmark (Kaiser et al., arXiv 1903.00374), with names in the catalogue; any other by `game`."""


class Ranges(NamedTuple):
    """Returns that count as 0 and as 1, for both modes."""

    easy: tuple[float, float]
    hard: tuple[float, float]


GAMES = {
    "bigfish": Ranges((1.0, 40.0), (0.0, 40.0)),
    "bossfight": Ranges((0.5, 13.0), (0.5, 13.0)),
    "caveflyer": Ranges((3.5, 12.0), (2.0, 13.4)),
    "chaser": Ranges((0.5, 13.0), (0.5, 14.2)),
    "climber": Ranges((2.0, 12.6), (1.0, 12.6)),
    "coinrun": Ranges((5.0, 10.0), (5.0, 10.0)),
    "dodgeball": Ranges((1.5, 19.0), (1.5, 19.0)),
    "fruitbot": Ranges((-1.5, 32.4), (-0.5, 27.2)),
    "heist": Ranges((3.5, 10.0), (2.0, 10.0)),
    "jumper": Ranges((1.0, 10.0), (1.0, 10.0)),
    "leaper": Ranges((1.5, 10.0), (1.5, 10.0)),
    "maze": Ranges((5.0, 10.0), (4.0, 10.0)),
    "miner": Ranges((1.5, 13.0), (1.5, 20.0)),
    "ninja": Ranges((3.5, 10.0), (2.0, 10.0)),
    "plunder": Ranges((4.5, 30.0), (3.0, 30.0)),
    "starpilot": Ranges((2.5, 64.0), (1.5, 35.0)),
}

FAMILIES: dict[str, tuple[str, ...]] = {
    "procgen": tuple(GAMES), "minatar": get_args(Game), "minigrid": WORLDS, "atari": ATARI
}  # fmt: skip
"""Domains that hold several games: FAMILY:GAME is the domain with this game, as minatar:breakout."""


class Known(NamedTuple):
    """Mean returns as measured here; `appnas.domains.rl.RL.floor` measures the first two again.

    Attributes:
        any: any action alike.
        constant: the best single action, always.
        seeing, blind: PPO with IMPALA's encoder (16), and its blind twin, in the last 100 episodes of a training of so
            many environment steps: means of five seeds (`benchmarks/minatar_encoders.py`).
        steps: how many.
    """

    any: float
    constant: float
    seeing: float | None = None
    blind: float | None = None
    steps: int = 0


FLOORS: dict[str, Known] = {
    "minatar:breakout": Known(0.47, 0.53, 3.16, 0.68, 98_304),
    "minatar:asterix": Known(0.42, 0.64, 0.54, 0.46, 98_304),
    "minatar:space_invaders": Known(2.84, 3.0, 20.71, 5.42, 98_304),
    "minatar:freeway": Known(0.16, 17.5),  # always upwards
    "minigrid:Empty-5x5": Known(0.16, 0.0),
    "minigrid:Empty-8x8": Known(0.07, 0.0),
    "procgen:starpilot": Known(1.69, 1.20),
    "procgen:fruitbot": Known(-2.99, -0.72),
    "procgen:bigfish": Known(0.85, 1.03),
    "procgen:chaser": Known(0.57, 0.33),
    "procgen:leaper": Known(2.54, 3.41),
}
"""Over 64 episodes (MinAtar, MiniGrid), or 24 environments (Procgen, easy); games that are not here were not played."""

LENGTHS = {"minatar": 200_000, "minigrid": 200_000, "atari": 10_000_000, "procgen": 25_000_000}
"""Environment steps of a training: where MinAtar's encoders differ, MiniGrid's small worlds, and the authors' of PPO on
Atari (arXiv 1707.06347, table 5) and of Procgen's easy games (arXiv 1912.01588)."""


def about(family: str, game: str) -> str:
    """One line on a game, with its floor if that was measured."""
    line = f"{game} of the domain {family}, {LENGTHS[family]:,} steps"
    if known := FLOORS.get(f"{family}:{game}"):
        line += f"; returns without sight: any action {known.any:g}, the best single one {known.constant:g}"
        if known.steps:
            line += f", a blind twin {known.blind:g}, its seeing one {known.seeing:g} ({known.steps:,} steps)"
    return line
