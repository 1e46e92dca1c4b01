"""Moves in any space: a mutant, a child of two, what is near, the same option everywhere.

Proposals that break a rule of the space are mended by discretising scores that favour them. A space's own `mutate` and
`neighbours` come first; of choices that exist only under others (`active`), what comes into being is drawn at random.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence

from appnas.space.restricted import Restricted
from appnas.space.sampling import mended, noise
from appnas.space.space import ZERO, Arch, Choice, Space, active, decisions, describe, given, legal
from appnas.support import ExhaustedError, ruled


def mutate(space: Space, arch: Arch, rng: random.Random, tries: int = 100) -> Arch:
    """A valid architecture in which one decision, drawn uniformly, takes another option.

    If the change alone breaks a rule (a third edge into a DARTS node), the rest gives way at random. A decision of an
    ordered choice takes the option before or after, at the ends the only one there is. A decision that is not active
    is not drawn. A space with `mutate(arch, rng)` is asked for the child.

    Raises:
        ExhaustedError: nothing can be changed: the space has one architecture, or no other that so many tries find.
        TypeError, ValueError: the space's own `mutate` gives no architecture, or what its `valid` refuses.
    """
    own = getattr(space, "mutate", None)
    for _ in range(tries if own else 0):
        child = given(space, own(arch, rng), "mutate")  # type: ignore[misc]
        if child != arch and space.valid(child):
            return child
        if not isinstance(space, Restricted):
            ruled(space, child, "mutate")
    if own is None or isinstance(space, Restricted):
        options, there = legal(space), active(space, arch)
        open_positions = [d for d, indices in enumerate(options) if len(indices) > 1 and there[d]]
        order = _ordered(space.choices)
        for _ in range(tries if open_positions else 0):
            position = rng.choice(open_positions)
            index = rng.choice(_others(options[position], arch[position], order[position]))
            child = _settled(space, arch, (*arch[:position], index, *arch[position + 1 :]), options, rng)
            if not space.valid(child):
                scores = noise(space.choices, rng)
                for row, kept in zip(scores, arch, strict=True):
                    row[kept] += 1.0
                scores[position][arch[position]] = 0.0
                scores[position][index] += 3.0
                child = mended(space, scores)
            if child != arch:
                return child
    raise ExhaustedError(f"no other architecture within {tries} tries of {describe(space.choices, arch)}")


def _ordered(choices: tuple[Choice, ...]) -> list[bool]:
    return [choice.ordered for choice in choices for _ in range(choice.count)]


def _others(indices: Sequence[int], now: int, ordered: bool) -> list[int]:
    """What a decision may change to."""
    above, below = [k for k in indices if k > now], [k for k in indices if k < now]
    return above[:1] + below[-1:] if ordered else above + below


def _settled(
    space: Space, before: Arch, child: Arch, options: Sequence[Sequence[int]], rng: random.Random | None
) -> Arch:
    """A changed architecture of a conditional space: 0 where it is not active; what was not before is drawn.

    Args:
        space: without an `active` of its own, the child stays as it is.
        before: what it was.
        child: what one change made of it.
        options: for every decision, what may be drawn.
        rng: source of randomness; None for the first option instead.
    """
    if getattr(space, "active", None) is None:
        return child
    known = list(active(space, before))
    while new := [d for d, (on, was) in enumerate(zip(active(space, child), known, strict=True)) if on and not was]:
        drawn = {d: rng.choice(options[d]) if rng else options[d][0] for d in new}
        child = tuple(drawn.get(d, k) for d, k in enumerate(child))
        known = [was or d in drawn for d, was in enumerate(known)]
    return tuple(k if on else 0 for k, on in zip(child, active(space, child), strict=True))


def crossover(space: Space, first: Arch, second: Arch, rng: random.Random) -> Arch:
    """A valid architecture that takes every decision from one of two parents.

    Of a conditional space a decision comes from the parent that has it, if one alone does, and is 0 where the child
    has none.
    """
    child = tuple(rng.choice(pair) for pair in zip(first, second, strict=True))
    if getattr(space, "active", None) is not None:
        sides = zip(child, first, second, active(space, first), active(space, second), strict=True)
        child = tuple(a if in_a > in_b else b if in_b > in_a else k for k, a, b, in_a, in_b in sides)
        child = tuple(k if on else 0 for k, on in zip(child, active(space, child), strict=True))
    if space.valid(child):
        return child
    scores = noise(space.choices, rng)
    for row, names, *parents in zip(scores, decisions(space.choices), first, second, strict=True):
        for index in parents:  # an edge that both parents have comes before one that only one has
            row[index] += max(sum(names[k] not in ZERO for k in parents), 1)
    return mended(space, scores)


def neighbours(space: Space, arch: Arch) -> Iterator[Arch]:
    """All valid architectures that differ in exactly one decision: of an ordered choice, by one step.

    In a conditional space what such a change brings into being takes its first option, and what it removes is 0. A
    space with `neighbours(arch)` is asked for them.

    Raises:
        TypeError, ValueError: it gives something else.
    """
    own = getattr(space, "neighbours", None)
    if own is not None:
        others = own(arch)
        if not isinstance(others, Iterable):
            raise TypeError(f"neighbours of {type(space).__name__} gives architectures, got {others!r:.80}")
        seen = {arch}
        for some in others:  # one after another: there may be more than anybody asks for
            other = given(space, some, "neighbours")
            if other not in seen and space.valid(other):
                yield other
            seen.add(other)
        return
    options, there = legal(space), active(space, arch)
    order = _ordered(space.choices)
    for position, names in enumerate(decisions(space.choices)):
        indices = options[position] if order[position] else range(len(names))
        for index in sorted(_others(indices, arch[position], order[position])) if there[position] else ():
            other = _settled(space, arch, (*arch[:position], index, *arch[position + 1 :]), options, None)
            if space.valid(other):
                yield other


def constant_arch(space: Space, option: str) -> Arch:
    """The architecture that takes one option wherever it is offered, for example all `sep_conv_3x3`.

    Raises:
        ValueError: no choice offers the option, or the rules of the space forbid it somewhere.
    """
    if not any(option in choice.options for choice in space.choices):
        offered = sorted({name for choice in space.choices for name in choice.options})
        raise ValueError(f"no choice offers {option!r}; offered are {offered}")
    scores = [[2.0 if n == option else float(n not in ZERO) for n in names] for names in decisions(space.choices)]
    arch = mended(space, scores)
    for names, index, there in zip(decisions(space.choices), arch, active(space, arch), strict=True):
        if there and option in names and names[index] != option and names[index] not in ZERO:
            raise ValueError(f"{option!r} everywhere breaks the rules of {type(space).__name__} or its mask")
    return arch
