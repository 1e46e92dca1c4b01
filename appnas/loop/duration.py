"""How long what was asked for takes, said once if that is more than a week."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

from appnas.loop.loop import Loop, Observer
from appnas.loop.records import Record

LONG = 7 * 24 * 3600.0
"""Seconds of a rest above which to warn."""
SETTLED = 2.0
"""Seconds to measure before the first estimate: the first scores are slower than the others."""


class EstimateWarning(UserWarning):
    """What was asked for takes longer than anybody waits."""


class Estimate(Observer):
    """Measure the first evaluations, and warn once if the rest takes more than a week at their speed.

    One object serves all searches of a run, one after another: with so many seeds each may be short.

    Args:
        searches: how many there are.
        setting: what to ask less of, as the command line names it.
        clock: seconds.
    """

    def __init__(self, searches: int = 1, setting: str = "", clock: Callable[[], float] = time.monotonic):
        self.searches, self.setting, self.clock = searches, setting, clock
        self.search = self.seen = self.next = 0
        self.spent = 0.0
        self.warned = False

    def start(self, loop: Loop) -> None:
        """Count the search, and the time from here."""
        self.search += 1
        self.last = self.clock()

    def step(self, loop: Loop, record: Record) -> None:
        """Look at once there is something to go by, then whenever there is twice as much."""
        if self.warned or loop.pending:
            return
        now = self.clock()
        self.spent, self.last = self.spent + now - self.last, now
        self.seen += max(loop.batch, 1)
        if self.seen < self.next or (self.seen <= 2 and self.spent < 60) or self.spent < SETTLED:
            return
        self.next = 2 * self.seen
        each = self.spent / self.seen
        if each * (loop.steps - loop.step + (self.searches - self.search) * loop.steps) > LONG:
            self.warned = True
            warnings.warn(self.text(each, loop.steps), EstimateWarning, stacklevel=4)

    def text(self, each: float, steps: int) -> str:
        """At so many seconds an evaluation, what is asked for takes how long."""
        what = f"the {steps:,} asked for" if self.searches == 1 else f"{steps:,} for each of {self.searches:,} seeds"
        fewer = f" ({self.setting})" if self.setting else ""
        total = each * steps * self.searches
        return f"at {each:.2g} s an evaluation, {what} take about {span(total)}; Ctrl-C and ask for fewer{fewer}"


def span(seconds: float) -> str:
    """Days or years, in words."""
    days = seconds / (24 * 3600)
    return f"{days:,.0f} days" if days < 730 else f"{days / 365.25:,.0f} years"
