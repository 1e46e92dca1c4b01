"""What play without sight is worth in the games of the catalogue, as measured, to put beside any return."""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    """Mean returns as measured here; `appnas.domains.rl.RL.floor` measures the first two again.

    Attributes:
        any: any action alike.
        constant: the best single action, always.
        seeing, blind: PPO with IMPALA's encoder (16), and its blind twin, after so many environment steps, one seed.
        steps: how many.
    """

    any: float
    constant: float
    seeing: float | None = None
    blind: float | None = None
    steps: int = 0


FLOORS: dict[str, Known] = {
    "minatar:breakout": Known(0.47, 0.53),
    "minatar:asterix": Known(0.42, 0.64),
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
