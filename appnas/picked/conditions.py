"""Which decisions exist under which others, learnt from what was asked; and how many architectures that makes.

A decision exists if each of some others has one of a set of answers (it is picked inside them), or unless each has (it
is picked inside any of several). Decisions that hang together are a knot: knots are independent, so architectures are
counted, and drawn uniformly, knot by knot.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from typing import NamedTuple

Sets = dict[int, frozenset[int]]
"""Earlier decision -> some of its answers; -1 for one that does not exist itself."""
ABSENT = -1
LISTED = 20_000
"""Combinations of answers in a knot up to which they are listed."""
Answers = Mapping[int, int]
"""Decision -> index."""


class Condition(NamedTuple):
    """When a decision exists.

    Attributes:
        sets: answers of earlier decisions.
        unless: it exists unless all of them have such an answer, instead of if they have.
    """

    sets: Sets = {}  # noqa: RUF012  (never written)
    unless: bool = False

    def holds(self, answers: Answers) -> bool:
        """Whether the decision exists, after the answers of earlier ones."""
        return all(answers[e] in kept for e, kept in self.sets.items()) != self.unless


def learn(count: int, traces: Sequence[Answers]) -> list[Condition] | None:
    """The conditions of every decision, the fewest that explain what was seen; None if none of this kind do.

    Args:
        count: number of decisions, in the order met.
        traces: what architectures have.
    """
    found: dict[int, Condition] = {}
    for d in range(count):  # most are told by earlier ones
        if condition := _condition(d, range(d), traces):
            found[d] = condition
    for d in (d for d in range(count) if d not in found):  # one name in several places may come before what it hangs on
        free = [e for e in range(count) if e in found and not _hangs(e, d, found)]
        if not (condition := _condition(d, free, traces)):
            return None
        found[d] = condition
    return [found[d] for d in range(count)]


def _hangs(e: int, d: int, found: Mapping[int, Condition]) -> bool:
    return e == d or any(_hangs(f, d, found) for f in (found[e].sets if e in found else ()))


def _condition(d: int, earlier: Iterable[int], traces: Sequence[Answers]) -> Condition | None:
    there = [trace for trace in traces if d in trace]
    others = [trace for trace in traces if d not in trace]
    if (sets := _telling(earlier, there, others)) is not None:
        return Condition(sets)
    if (sets := _telling(earlier, others, there)) is not None:
        return Condition(sets, unless=True)
    return None


def _telling(earlier: Iterable[int], there: Sequence[Answers], others: Sequence[Answers]) -> Sets | None:
    """Answers of the fewest decisions that all of the former have and none of the latter."""
    sets = {e: frozenset(trace.get(e, ABSENT) for trace in there) for e in earlier}
    chosen: Sets = {}
    while others:
        left = {e: [t for t in others if t.get(e, ABSENT) in kept] for e, kept in sets.items()}
        e = min(left, key=lambda e: (len(left[e]), -e), default=None)
        if e is None or len(left[e]) == len(others):
            return None
        chosen[e], others = sets[e], left[e]
    return chosen


@dataclass(frozen=True)
class Conditions:
    """Conditions of all decisions.

    Attributes:
        when: of every decision.
        options: indices that it may have.
    """

    when: tuple[Condition, ...]
    options: tuple[tuple[int, ...], ...]

    def active(self, indices: Sequence[int]) -> tuple[bool, ...]:
        """Which decisions exist."""
        now: dict[int, int] = {}
        for d in self.sequence:
            now[d] = indices[d] if self.when[d].holds(now) else ABSENT
        return tuple(now[d] != ABSENT for d in range(len(self.when)))

    @cached_property
    def sequence(self) -> list[int]:
        """The decisions, each after those that it hangs on."""
        return list(TopologicalSorter({d: condition.sets for d, condition in enumerate(self.when)}).static_order())

    @cached_property
    def knots(self) -> list[tuple[list[int], list[int]]]:
        """For every knot the decisions that others hang on, and the others."""
        group = list(range(len(self.when)))
        for d, condition in enumerate(self.when):
            for e in condition.sets:
                old, new = group[d], group[e]
                group = [new if g == old else g for g in group]
        parents = {e for condition in self.when for e in condition.sets}
        knots: dict[int, tuple[list[int], list[int]]] = {}
        for d in self.sequence:
            knots.setdefault(group[d], ([], []))[d not in parents].append(d)
        return list(knots.values())

    def assignments(self, knot: tuple[list[int], list[int]]) -> Iterator[tuple[dict[int, int], list[int]]]:
        """All answers of the decisions of a knot that others hang on, each with the others that exist then."""
        stems, rest = knot
        rows: list[dict[int, int]] = [{}]
        for d in stems:
            rows = [row for old in rows for row in self._with(old, d)]
        for row in rows:
            yield row, [d for d in rest if self.when[d].holds(row)]

    def _with(self, row: dict[int, int], d: int) -> Iterator[dict[int, int]]:
        for k in self.options[d] if self.when[d].holds(row) else (ABSENT,):
            yield {**row, d: k}

    @cached_property
    def tables(self) -> list[tuple[list[tuple[dict[int, int], list[int]]], list[int]]] | None:
        """For every knot its assignments, and how many architectures each stands for; None if they are too many."""
        made = []
        for knot in self.knots:
            if math.prod(len(self.options[d]) for d in knot[0]) > LISTED:
                return None
            rows = list(self.assignments(knot))
            made.append((rows, [math.prod(len(self.options[d]) for d in rest) for _, rest in rows]))
        return made

    def count(self) -> int | None:
        """Number of architectures; None if a knot is too large to be listed."""
        return None if self.tables is None else math.prod(sum(weights) for _, weights in self.tables)

    def sample(self, rng: random.Random) -> list[int] | None:
        """One of them, drawn uniformly; None if a knot is too large to be listed."""
        if self.tables is None:
            return None
        indices = [0] * len(self.when)
        for rows, weights in self.tables:
            place, wanted = 0, rng.randrange(sum(weights))
            for place, total in enumerate(itertools.accumulate(weights)):  # noqa: B007
                if wanted < total:
                    break
            row, rest = rows[place]
            for d, k in row.items():
                indices[d] = max(k, 0)
            for d in rest:
                indices[d] = rng.choice(self.options[d])
        return indices

    def every(self) -> Iterator[list[int]]:
        """All architectures, if no knot is too large to be listed."""
        assert self.tables is not None
        knots = []
        for rows, _ in self.tables:
            parts = []
            for row, rest in rows:
                stem = [(d, max(k, 0)) for d, k in row.items()]
                for some in itertools.product(*(self.options[d] for d in rest)):
                    parts.append([*stem, *zip(rest, some, strict=True)])
            knots.append(parts)
        for chosen in itertools.product(*knots):
            indices = [0] * len(self.when)
            for d, k in itertools.chain.from_iterable(chosen):
                indices[d] = k
            yield indices
