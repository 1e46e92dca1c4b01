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


FLOORS: dict[str, Known] = {}


def about(family: str, game: str) -> str:
    """One line on a game, with its floor if that was measured."""
    line = f"{game} of the domain {family}"
    if known := FLOORS.get(f"{family}:{game}"):
        line += f"; returns without sight: any action {known.any:g}, the best single one {known.constant:g}"
        if known.steps:
            line += f", a blind twin {known.blind:g}, its seeing one {known.seeing:g} ({known.steps:,} steps)"
    return line
