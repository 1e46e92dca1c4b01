"""What a search remembers of architectures: the best that were told, and all that were proposed."""

from __future__ import annotations

import random
from collections.abc import Iterable

from appnas.space import Arch, Name, Space, all_of, itself, spent, unseen
from appnas.support import ExhaustedError, Saved


class Archive(Saved):
    """The best architectures told, and those proposed, so that none is twice.

    Of equal values the first told comes first, and a NaN is minus infinity: it never wins.

    Attributes:
        best: (architecture, value) of the best, in order.
        seen: the names of what was proposed, told or not; filled by whoever proposes nothing twice.

    Args:
        keep: how many of the best.
        seen: the names of what was proposed before.
        name: what an architecture is known by; those of one name are one, of which the best told is kept.
    """

    saved = ("best", "seen")

    def __init__(self, keep: int = 1, seen: Iterable[Arch] = (), name: Name = itself):
        if keep < 1:
            raise ValueError(f"an archive keeps at least the best, got keep={keep}")
        self.keep, self.name = keep, name
        self.best: list[tuple[Arch, float]] = []
        self.seen = set(seen)

    @property
    def arch(self) -> Arch | None:
        """The best; None while nothing was told."""
        return self.best[0][0] if self.best else None

    @property
    def value(self) -> float:
        """That of the best; minus infinity while nothing was told."""
        return self.best[0][1] if self.best else float("-inf")

    def top(self) -> list[Arch]:
        """The best architectures, in order."""
        return [arch for arch, _ in self.best]

    def get(self) -> Arch:
        """The best.

        Raises:
            ValueError: nothing was told yet.
        """
        if not self.best:
            raise ValueError("no score was told yet: there is no best architecture")
        return self.best[0][0]

    def update(self, arch: Arch, value: float) -> None:
        """One more value. An architecture that comes again has the larger one."""
        value = value if value == value else float("-inf")
        if len(self.best) == self.keep and value <= self.best[-1][1]:
            return
        own = self.name(arch)
        if any(value <= before for other, before in self.best if self.name(other) == own):
            return
        rest = [member for member in self.best if self.name(member[0]) != own]
        place = next((i for i, (_, other) in enumerate(rest) if other < value), len(rest))
        self.best = [*rest[:place], (arch, value), *rest[place:]][: self.keep]

    def new(self, space: Space, rng: random.Random, count: int) -> list[Arch]:
        """Different random architectures that were not proposed, and from now on were; fewer if there are no more."""
        found: list[Arch] = []
        for _ in range(count):
            try:
                found.append(unseen(space, rng, self.seen, self.name))
            except ExhaustedError:
                break
            self.seen.add(self.name(found[-1]))
        return found

    def check_left(self, space: Space) -> None:
        """Whether there may be an architecture that was not proposed.

        Raises:
            ExhaustedError: all were.
        """
        if spent(space, self.seen, self.name):
            raise ExhaustedError(all_of(len(self.seen)))
