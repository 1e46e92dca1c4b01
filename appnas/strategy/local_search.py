"""Local search: from an architecture to a better neighbour, and anew from random ones where no neighbour is better."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import islice

from appnas.space import Arch, Space, all_of, check, mutate, names, neighbours
from appnas.strategy.archive import Archive
from appnas.strategy.protocol import Draw, Score
from appnas.support import ExhaustedError, Saved

LISTED = 1000
"""Neighbours up to which they are listed and shuffled; where there are more, they are drawn by `mutate`."""
TRIES = 100
"""Mutants that are drawn, after the listed neighbours, until one is new; if none is, the climb is over."""


class LocalSearch(Saved):
    """Climbs from neighbour to neighbour (White, Nolen and Savani, arXiv 2005.02960).

    A climb begins at the best of `init` random architectures. The neighbours of where it stands are asked in random
    order, none that was asked before; the first that is better is where it stands next. After those, mutants are asked:
    they change two decisions where one alone breaks the space's rules, and are the neighbours where these are too many
    to list. Where nothing new is left, the next climb begins.

    With several draws at a time, what was asked in a climb that is over continues it if it is better than its end.

    Args:
        space: what to search.
        rng: source of randomness.
        init: random architectures at the beginning of every climb.
        start: architectures at the beginning of the first climb, instead of random ones.
        distinct: architectures of one network are one, where the space can tell (`canonical`).

    Raises:
        ValueError: no architecture to begin with, or one that the space does not have.
    """

    saved = ("rng", "archive", "given", "fresh", "here", "queue", "open", "late", "end")

    def __init__(
        self, space: Space, rng: random.Random, init: int = 1, start: Sequence[Arch] = (), distinct: bool = False
    ):
        if init < 1:
            raise ValueError(f"a climb begins at the best of init architectures, at least 1, got init={init}")
        self.space, self.rng, self.init = space, rng, init
        self.archive = Archive(name=names(space, distinct))
        self.given = [check(space, arch) for arch in start]
        self.fresh = len(self.given) or init
        """Architectures to be asked before the climb."""
        self.here: tuple[Arch, float] | None = None
        """Where the climb stands."""
        self.queue: list[Arch] | None = None
        """Neighbours of it that are to be asked; None where they were not listed yet."""
        self.open: list[Arch] = []
        """What was asked in this climb and not told."""
        self.late: list[Arch] = []
        """What was asked in climbs that are over, and not told."""
        self.end = float("-inf")
        """The value at which the last climb ended."""

    def ask(self) -> Draw:
        """A first architecture of a climb, or a neighbour of where it stands.

        Raises:
            ExhaustedError: all architectures were asked.
        """
        arch = None
        if self.here is not None and not self.fresh:
            arch = self._neighbour(self.here[0])
            if arch is None:
                self.fresh, self.end, self.here = self.init, self.here[1], None
                self.late, self.open = self.late + self.open, []
        if arch is None:
            arch = self._first()
        self.archive.seen.add(self.archive.name(arch))
        self.open.append(arch)
        return Draw(arch)

    def _first(self) -> Arch:
        self.fresh = max(self.fresh - 1, 0)
        if self.given:
            return self.given.pop(0)
        if new := self.archive.new(self.space, self.rng, 1):
            return new[0]
        raise ExhaustedError(all_of(len(self.archive.seen)))

    def _neighbour(self, here: Arch) -> Arch | None:
        """One that was not asked; None where none is found."""
        if self.queue is None:
            near = list(islice(neighbours(self.space, here), LISTED + 1))
            self.queue = near if len(near) <= LISTED else []
            self.rng.shuffle(self.queue)
        while self.queue:
            if self._new(arch := self.queue.pop()):
                return arch
        for _ in range(TRIES):
            try:
                arch = mutate(self.space, here, self.rng)
            except ExhaustedError:  # no change of it obeys the space's rules
                return None
            if self._new(arch):
                return arch
        return None

    def _new(self, arch: Arch) -> bool:
        return self.archive.name(arch) not in self.archive.seen

    def tell(self, draw: Draw, score: Score) -> None:
        """Go there, if it is better. A NaN is minus infinity."""
        value = float(score.value)
        value = value if value == value else float("-inf")
        self.archive.update(draw.arch, value)
        if draw.arch in self.late:
            self.late.remove(draw.arch)
            if value <= self.end:
                return
            self.fresh = 0
        elif draw.arch in self.open:
            self.open.remove(draw.arch)
        if self.here is None or value > self.here[1]:
            self.here, self.queue = (draw.arch, value), None

    def best(self) -> Arch:
        """The best told."""
        return self.archive.get()
