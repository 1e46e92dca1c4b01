"""The space of a model that picks: its networks, its supernet, its rules."""

from __future__ import annotations

import heapq
import itertools
import math
import random
import reprlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import nn

from appnas.picked.answering import Answered, Answering, Key, Known, unseen
from appnas.picked.asking import Asked, answering
from appnas.picked.conditions import LISTED, Conditions
from appnas.picked.mixing import Blended
from appnas.picked.paths import LISTED as FEW
from appnas.picked.paths import Paths, Sizes, looked_at
from appnas.picked.recording import Recorder
from appnas.picked.skeletons import Parts
from appnas.picked.sources import Source
from appnas.space import IO, Arch, Choice, Gates, Mask, decisions
from appnas.support import ExhaustedError

if TYPE_CHECKING:
    import networkx as nx

Rule = Callable[[dict[str, Any]], bool]
"""Values by choice, see `Picked.values` -> whether they go together."""
TRIES = 10_000
"""Draws until one obeys the rule; what is tried beside scores that break it; architectures that are remembered."""


@dataclass(frozen=True, eq=False, repr=False)
class Picked:
    """The space of a model that picks; `space_of` makes it.

    Attributes:
        source: makes the model.
        choices: in the order met.
        keys: the decision at every place of an architecture.
        known: what every choice asks.
        order: places, those that others hang on first.
        conditions: when decisions exist, in that order; None if that is found out by building.
        running: decisions that are made in `forward`.
        rule: what else architectures must obey.
        inputs: examples that `forward` takes.
        paths_only: why options cannot be mixed; empty if they can.
        mask: none.
        memory: what was found out meanwhile; it is not pickled.
    """

    source: Source
    choices: tuple[Choice, ...]
    keys: tuple[Key, ...]
    known: Known
    order: tuple[int, ...]
    conditions: Conditions | None
    running: frozenset[Key]
    rule: Rule | None = None
    inputs: tuple[Any, ...] | None = None
    paths_only: str = ""
    mask: Mask | None = None
    memory: dict[Any, Any] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "memory": {}}

    def __deepcopy__(self, memo: Any) -> Picked:
        return self

    def __repr__(self) -> str:
        own = [reprlib.repr(x) for x in self.source.args if not isinstance(x, IO)]
        own += [f"{name}={reprlib.repr(x)}" for name, x in self.source.kwargs.items() if not isinstance(x, IO)]
        return f"space_of({', '.join([self.source.name, *own])})"

    @property
    def places(self) -> dict[Key, int]:
        """Decision -> its place in an architecture."""
        return {key: place for place, key in enumerate(self.keys)}

    def active(self, arch: Arch) -> tuple[bool, ...]:
        """Which decisions the network has: some exist only under others."""
        if self.conditions is not None:
            found = self.conditions.active([arch[place] for place in self.order])
            return tuple(on for _, on in sorted(zip(self.order, found, strict=True)))
        seen: dict[Arch, tuple[bool, ...]] = self.memory.setdefault("active", {})
        if arch not in seen:
            if len(seen) >= TRIES:
                seen.clear()
            recorder = Recorder(self.source, self.inputs if self.running else None)
            met = recorder.trace(self.answers(arch)).met
            seen[arch] = tuple(key in met for key in self.keys)
        return seen[arch]

    def canonical(self, arch: Arch) -> Arch:
        """The same network, with the first option wherever there is no decision."""
        return tuple(index if on else 0 for index, on in zip(arch, self.active(arch), strict=True))

    def values(self, arch: Arch) -> dict[str, Any]:
        """What was picked, by choice: the value or the option's name; None where there is no decision.

        A tuple where every call decides by itself.
        """
        found: dict[str, list[Any]] = {}
        for key, index, on in zip(self.keys, arch, self.active(arch), strict=True):
            asked = self.known[key.name]
            found.setdefault(key.name, []).append((asked.values or asked.options)[index] if on else None)
        return {name: tuple(some) if self.known[name].each else some[0] for name, some in found.items()}

    def obeys(self, arch: Arch) -> bool:
        """Whether an architecture obeys the rule."""
        return self.rule is None or bool(self.rule(self.values(arch)))

    def valid(self, arch: Arch) -> bool:
        """Whether it has the first option wherever there is no decision, and obeys the rule."""
        return len(arch) == len(self.keys) and self.canonical(tuple(arch)) == tuple(arch) and self.obeys(arch)

    def discretise(self, gates: Gates) -> Arch:
        """The strongest options; of those that obey the rule, the ones whose scores lose least.

        Raises:
            ExhaustedError: none that was tried obeys the rule.
        """
        rows = [row for m in gates for row in (m.mean(0) if m.dim() == 3 else m).tolist()]
        best = [sorted(range(len(row)), key=row.__getitem__, reverse=True) for row in rows]
        scores = [[row[k] for k in ks] for row, ks in zip(rows, best, strict=True)]
        for ranks in itertools.islice(nearest(scores), TRIES):
            arch = self.canonical(tuple(ks[r] for ks, r in zip(best, ranks, strict=True)))
            if self.obeys(arch):
                return arch
        return self.sample(random.Random(repr(scores)))

    def count(self, mask: Mask | None = None) -> int:
        """Number of architectures that a mask allows; where they are too many to be listed, with those of no rule."""
        counted = self.counted(mask)
        if counted is None or (whole := counted.count()) is None:
            return math.prod(len(row) for row in self.rows(mask))
        return whole if self.rule is None or whole > LISTED else len(self.every(mask))

    def sample(self, rng: random.Random, mask: Mask | None = None) -> Arch:
        """One drawn uniformly of those that a mask allows: by counting them, again until the rule is obeyed.

        Raises:
            ExhaustedError: none of so many draws obeys the rule.
        """
        counted = self.counted(mask)
        if self.rule and counted and (counted.count() or LISTED + 1) <= LISTED and self.every(mask):
            return rng.choice(self.every(mask))
        for _ in range(TRIES):
            drawn = counted.sample(rng) if counted else None
            arch = tuple(map(rng.choice, self.rows(mask))) if drawn is None else self._placed(drawn)
            if self.valid(arch):
                return arch
        raise ExhaustedError(f"no architecture of {self!r} within {TRIES:,} draws obeys its rule")

    def every(self, mask: Mask | None = None) -> list[Arch]:
        """All architectures that a mask allows, of a space in which they can be listed."""
        key = "every", self.rows(mask)
        if key not in self.memory:
            counted = self.counted(mask)
            assert counted is not None
            found = map(self._placed, counted.every())
            self.memory[key] = [arch for arch in found if self.obeys(arch)]
        every: list[Arch] = self.memory[key]
        return every

    def rows(self, mask: Mask | None = None) -> tuple[tuple[int, ...], ...]:
        """The indices that every decision may have."""
        if mask is None:
            return tuple(tuple(range(len(options))) for options in decisions(self.choices))
        return tuple(tuple(row.nonzero().flatten().tolist()) for matrix in mask for row in matrix)

    def counted(self, mask: Mask | None) -> Conditions | None:
        """The conditions under a mask; None if decisions are found out by building."""
        if self.conditions is None or mask is None:
            return self.conditions
        rows = self.rows(mask)
        if rows not in self.memory:
            self.memory[rows] = replace(self.conditions, options=tuple(rows[place] for place in self.order))
        counted: Conditions = self.memory[rows]
        return counted

    def graph(self, arch: Arch) -> dict[str, nx.MultiDiGraph]:
        """The decisions that the network has, one after another in the order met: "choice=option" on the edges."""
        import networkx as nx  # a fifth of a second, which `import appnas` does without

        chain = nx.MultiDiGraph(inputs=["0"])
        chain.add_node("0")
        on = self.active(arch)
        for place in (place for place in self.order if on[place]):
            name = self.keys[place].name
            here = len(chain)
            chain.add_edge(str(here - 1), str(here), op=f"{name}={self.known[name].options[arch[place]]}")
        chain.graph["outputs"] = [str(len(chain) - 1)]
        return {self.source.name: chain}

    def build(self, arch: Arch, io: IO | None) -> nn.Module:
        """The network: what the model is with these answers, nothing of ours in it.

        Where it picks in `forward`, a hook answers.

        Raises:
            Refused: it picks what it did not when it was recorded.
        """
        return self.assembled(arch, io)[0]

    def assembled(self, arch: Arch, io: IO | None) -> tuple[nn.Module, Parts]:
        """The network, and what the chosen factories made."""
        answers = Answered(self.answers(arch), self.known, closed=True)
        with answering(answers):
            network = self.source(io)
        if self.running:
            Answering(dict(zip(self.keys, arch, strict=True)), self.known).hang(network)
        return network, answers.parts

    def supernet(self, io: IO | None, mask: Mask | None = None) -> nn.Module:
        """The mixture of all options; or, see `paths_only`, single paths that share parts of their weights."""
        rows = self.rows(mask)
        if not self.paths_only:
            allowed = [[k in row for k in range(len(o))] for row, o in zip(rows, decisions(self.choices), strict=True)]
            return Blended(partial(self.source, io), self.places, self.known, allowed, bool(self.running))
        sizes: dict[Any, Sizes] = self.memory.setdefault("sizes", {})
        build, counted = partial(_for, self, io), self.counted(mask)
        if (io, rows) not in sizes:
            few = counted is not None and (counted.count() or FEW + 1) <= FEW
            sizes[io, rows] = looked_at(build, self.canonical, rows, self.every(mask) if few else None)
        return Paths(build, sizes[io, rows], self.canonical, self.paths_only)

    def _placed(self, indices: Sequence[int]) -> Arch:
        return tuple(index for _, index in sorted(zip(self.order, indices, strict=True)))

    def answers(self, arch: Arch) -> Callable[[Key, Asked], int]:
        """(decision, what it asks) -> its index in an architecture."""
        given = dict(zip(self.keys, arch, strict=True))

        def index(key: Key, asked: Asked) -> int:
            if key not in given:
                raise unseen(asked.name, list(self.known))
            return given[key]

        return index


def _for(space: Picked, io: IO | None, arch: Arch) -> tuple[nn.Module, Parts]:
    return space.assembled(arch, io)


def nearest(scores: Sequence[Sequence[float]]) -> Iterator[tuple[int, ...]]:
    """Ranks of options, one a decision, those first whose scores add up to most.

    Args:
        scores: of every decision, falling.
    """
    start = (0,) * len(scores)
    heap, seen = [(0.0, start)], {start}
    while heap:
        lost, ranks = heapq.heappop(heap)
        yield ranks
        for d, (rank, row) in enumerate(zip(ranks, scores, strict=True)):
            after = (*ranks[:d], rank + 1, *ranks[d + 1 :])
            if rank + 1 < len(row) and after not in seen:
                seen.add(after)
                heapq.heappush(heap, (lost + row[rank] - row[rank + 1], after))
