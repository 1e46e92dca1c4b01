"""Moves in any space: a random architecture, a mutant, a child of two, what is near, the same option everywhere.

Proposals that break a rule of the space are mended by discretising scores that favour them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import torch

from appnas.space.space import ZERO, Arch, Choice, Space, decisions, describe, legal, split
from appnas.support import ExhaustedError, offers, ruled


def _noise(choices: tuple[Choice, ...], rng: random.Random) -> list[list[float]]:
    return [[rng.random() for _ in options] for options in decisions(choices)]


def _mend(space: Space, scores: list[list[float]]) -> Arch:
    offers(space, ["discretise"], "a choice that keeps the space's rules")
    return ruled(space, space.discretise(split(space.choices, [torch.tensor(row) for row in scores])))


def random_arch(space: Space, rng: random.Random) -> Arch:
    """An architecture drawn uniformly from the valid ones.

    Uniform because a uniform draw of all decisions is kept if valid, and discretising uniform scores otherwise
    treats all options, and all edges into a node, alike. (Not quite, where a mask leaves DARTS edges unequal numbers
    of options: an edge with more of them wins more often.)
    """
    arch = tuple(rng.randrange(len(options)) for options in decisions(space.choices))
    return arch if space.valid(arch) else _mend(space, _noise(space.choices, rng))


def mutate(space: Space, arch: Arch, rng: random.Random, tries: int = 100) -> Arch:
    """A valid architecture in which one decision, drawn uniformly, takes another option.

    If the change alone breaks a rule (a third edge into a DARTS node), the rest gives way at random.

    Raises:
        ExhaustedError: nothing can be changed: the space has one architecture, or no other that so many tries find.
    """
    options = legal(space)
    open_positions = [position for position, indices in enumerate(options) if len(indices) > 1]
    for _ in range(tries if open_positions else 0):
        position = rng.choice(open_positions)
        now = arch[position]
        index = rng.choice([k for k in options[position] if k > now] + [k for k in options[position] if k < now])
        child = (*arch[:position], index, *arch[position + 1 :])
        if not space.valid(child):
            scores = _noise(space.choices, rng)
            for row, kept in zip(scores, arch, strict=True):
                row[kept] += 1.0
            scores[position][arch[position]] = 0.0
            scores[position][index] += 3.0
            child = _mend(space, scores)
        if child != arch:
            return child
    raise ExhaustedError(f"no other architecture within {tries} tries of {describe(space.choices, arch)}")


def crossover(space: Space, first: Arch, second: Arch, rng: random.Random) -> Arch:
    """A valid architecture that takes every decision from one of two parents."""
    child = tuple(rng.choice(pair) for pair in zip(first, second, strict=True))
    if space.valid(child):
        return child
    scores = _noise(space.choices, rng)
    for row, names, *parents in zip(scores, decisions(space.choices), first, second, strict=True):
        for index in parents:  # an edge that both parents have comes before one that only one has
            row[index] += max(sum(names[k] not in ZERO for k in parents), 1)
    return _mend(space, scores)


def neighbours(space: Space, arch: Arch) -> Iterator[Arch]:
    """All valid architectures that differ in exactly one decision."""
    for position, options in enumerate(decisions(space.choices)):
        for index in range(len(options)):
            other = (*arch[:position], index, *arch[position + 1 :])
            if index != arch[position] and space.valid(other):
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
    arch = _mend(space, scores)
    for names, index in zip(decisions(space.choices), arch, strict=True):
        if option in names and names[index] != option and names[index] not in ZERO:
            raise ValueError(f"{option!r} everywhere breaks the rules of {type(space).__name__} or its mask")
    return arch
