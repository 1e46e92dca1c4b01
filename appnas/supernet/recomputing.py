"""What supernets keep for the backward pass, and what they compute again there: a plan, made where memory is known.

Every kind of recomputation is exact. `Recomputing` says it in cells, since cells are where little is kept; the first
cells come first, which hold the most bytes for the least arithmetic (their maps are the largest).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, NamedTuple

Recompute = Literal["auto", "nothing", "convolutions", "cells"]
"""What a space may ask for; "auto" is the plan of `recomputing`."""


class Recomputing(NamedTuple):
    """Shares of a supernet's cells, from the first on: 0 for none, 1 for all.

    Attributes:
        convolutions: that compute the outputs of separable convolutions again, and keep what is cheap to hold.
        cells: that keep their inputs alone.
    """

    convolutions: float = 0.0
    cells: float = 0.0

    def first(self, count: int) -> tuple[int, int]:
        """How many of so many cells do either."""
        return math.ceil(self.convolutions * count - 1e-9), math.ceil(self.cells * count - 1e-9)


FIXED = {"nothing": Recomputing(), "convolutions": Recomputing(1.0), "cells": Recomputing(0.0, 1.0)}
_plan: ContextVar[Recomputing] = ContextVar("recomputing", default=FIXED["nothing"])


@contextmanager
def recomputing(plan: Recomputing) -> Iterator[None]:
    """Supernets that are made inside follow the plan, if their space leaves it open ("auto")."""
    before = _plan.set(plan)
    try:
        yield
    finally:
        _plan.reset(before)


def said() -> str:
    """The plan in words, for those who wonder why it takes longer; nothing if all is kept."""
    plan = _plan.get()
    if plan == FIXED["nothing"]:
        return ""
    shares = (("all", plan.cells), ("convolutions", plan.convolutions))
    parts = [f"{what} of {share:.0%} of the cells" for what, share in shares if share]
    return f"to fit in memory, computed again in backward: {', '.join(parts)} (at the same result)"


def planned(asked: Recompute) -> Recomputing:
    """What a supernet that is made now does."""
    return _plan.get() if asked == "auto" else FIXED[asked]


def fitted(kept: float, convolutions: float, cells: float, room: float) -> Recomputing | None:
    """The cheapest plan whose bytes fit: convolutions first, in as few cells as need be, then whole cells.

    A share of the cells is taken to save that share of the bytes; as the first cells hold the most, it saves more.

    Args:
        kept: bytes of a step that computes nothing again.
        convolutions: of one that computes all convolutions again.
        cells: of one that computes all cells again.
        room: bytes that there are.

    Returns:
        None if nothing fits.
    """
    if kept <= room:
        return FIXED["nothing"]
    if convolutions <= room:  # then less than kept
        return Recomputing((kept - room) / (kept - convolutions))
    if cells <= room:
        return Recomputing(float(convolutions < kept), (convolutions - room) / (convolutions - cells))
    return None
