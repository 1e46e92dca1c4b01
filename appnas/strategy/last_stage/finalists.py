"""Which architectures of a search come to its last stage."""

from __future__ import annotations

import math
from collections.abc import Collection
from itertools import chain, zip_longest

from appnas.space import Arch, Name
from appnas.strategy.archive import Archive
from appnas.strategy.last_stage.choosing import By
from appnas.support import Saved
from appnas.support.plain import itself


class Finalists(Saved):
    """The best few of a search, by what its last stage chooses by.

    By both, the best by loss and the best by value take turns: a few hundred validation examples tell few networks
    apart by their share of right answers, and their loss may order the same networks otherwise. Without losses
    everything is by value.

    Args:
        keep: how many.
        by: what they are best by.
        given: architectures that the search began with, say hand-made ones: the best of them are up to half of the few,
            in the place of the last of the others, since the best of a search are often alike, and none better than
            where it began. By both, they are the best by value: the loss of short trainings says who learns fastest.
            What they are best by are longer trainings, if there are some (`enter`): a deep network learns slowly.
        name: what an architecture is known by; those of one name are one.
    """

    saved = ("values", "losses", "own_values", "own_losses", "entered")

    def __init__(self, keep: int, by: By = "value", given: Collection[Arch] = (), name: Name = itself):
        self.keep, self.by, self.name, self.given = keep, by, name, {name(arch) for arch in given}
        self.values, self.losses = Archive(keep, name=name), Archive(keep, name=name)
        self.own_values, self.own_losses = self._archives()
        self.entered = False

    def update(self, arch: Arch, value: float, loss: float) -> None:
        """One more score, and its loss: NaN or infinite where there is none."""
        _note((self.values, self.losses), arch, value, loss)
        if self.name(arch) in self.given and not self.entered:
            _note((self.own_values, self.own_losses), arch, value, loss)

    def enter(self, arch: Arch, value: float, loss: float) -> None:
        """A training of one of those given as long as the last stage's: from the first on, only these order them."""
        if not self.entered:
            self.own_values, self.own_losses = self._archives()
            self.entered = True
        _note((self.own_values, self.own_losses), arch, value, loss)

    def _archives(self) -> tuple[Archive, Archive]:
        return Archive(max(self.keep // 2, 1), name=self.name), Archive(max(self.keep // 2, 1), name=self.name)

    def top(self) -> list[Arch]:
        """The few, the best first."""
        values, losses = self.values.top(), self.losses.top()
        own = (self.own_losses if self.by == "loss" and losses else self.own_values).top()
        if self.by == "value" or not losses:
            turns = values
        elif self.by == "loss":
            turns = losses
        else:
            turns = [arch for arch in chain.from_iterable(zip_longest(losses, values)) if arch is not None]
        named: dict[Arch, Arch] = {}
        for arch in [*own[: self.keep // 2], *turns]:
            named.setdefault(self.name(arch), arch)
        few = list(named.values())[: self.keep]
        place = {self.name(arch): n for n, arch in reversed(list(enumerate(turns)))}
        return sorted(few, key=lambda arch: place.get(self.name(arch), len(turns)))


def _note(archives: tuple[Archive, Archive], arch: Arch, value: float, loss: float) -> None:
    """A score, in the archives by value and by loss."""
    archives[0].update(arch, value)
    if math.isfinite(loss):
        archives[1].update(arch, -loss)
