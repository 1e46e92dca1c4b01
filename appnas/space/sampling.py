"""Architectures drawn uniformly from the valid ones of any space."""

from __future__ import annotations

import itertools
import math
import random
import warnings
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from appnas.space.listed import Listed
from appnas.space.restricted import Restricted
from appnas.space.space import ZERO, Arch, Choice, Space, decisions, given, split
from appnas.support import offers, ruled

LISTED = 10_000
"""Combinations of options up to which a space is listed: to draw where few are valid, to see what is left of it."""
TRIES = 1000
"""Draws that tell which share of them is valid."""
ENOUGH = 50
"""Valid ones among them that are enough to tell."""
RARE = 0.05
"""Share of valid draws below which a space that is small enough is listed."""
MOST = 10 * TRIES
"""Draws of one architecture before it is mended."""


class UnevenWarning(UserWarning):
    """Architectures of a space could not be drawn uniformly."""


class _Plan(NamedTuple):
    """How a space is drawn from once a uniform draw of all decisions was not valid.

    Attributes:
        known: all valid ones, where they are listed.
        options: what every decision is drawn from; None where draws are hopeless.
        own: draws are by the `sample` of the space that a mask narrows.
    """

    known: list[Arch] | None
    options: list[list[int]] | None
    own: bool


def random_arch(space: Space, rng: random.Random) -> Arch:
    """An architecture drawn uniformly from the valid ones.

    By the space's own `sample(rng)`, if it has one. Else a uniform draw of all decisions is kept if valid, and
    repeated if not; where few draws are valid, one of all that are valid is taken, if the space is small enough to be
    listed. Where none of about a thousand draws is valid and the space is too large for that, a draw is mended by
    `discretise`: that is not uniform, and an `UnevenWarning` says so once a space.

    Raises:
        TypeError, ValueError: the space's `sample`, or its `discretise`, gives no architecture, or what its `valid`
            refuses.
    """
    own = getattr(space, "sample", None)
    if own is not None:
        for _ in range(TRIES):  # a space that narrows the rules of its base keeps what it may
            if space.valid(arch := given(space, own(rng), "sample")):
                return arch
        return ruled(space, arch, "sample")
    arch = tuple(rng.randrange(len(options)) for options in decisions(space.choices))
    return arch if space.valid(arch) else _again(space, rng)


def _again(space: Space, rng: random.Random) -> Arch:
    plan: _Plan = remembered(space, _planned)
    if plan.known:
        return rng.choice(plan.known)
    if plan.own or plan.options:
        draw = _proposer(space, plan.own, plan.options)
        for _ in range(MOST):
            if space.valid(arch := draw(rng)):
                return arch
    arch = mended(space, noise(space.choices, rng))
    remembered(space, _warned)
    return arch


def _proposer(space: Space, own: bool, options: list[list[int]] | None) -> Callable[[random.Random], Arch]:
    if own:
        return lambda rng: tuple(_whole(space).sample(rng))
    if isinstance(space, Restricted):  # the strongest of noise, which is what `discretise` makes of it without rules
        return lambda rng: tuple(
            max(row, key=scores.__getitem__)
            for row, scores in zip(options or (), noise(space.choices, rng), strict=True)
        )
    return lambda rng: tuple(row[int(rng.random() * len(row))] for row in options or ())


def _planned(space: Space) -> _Plan:
    """Found out with numbers of its own: what a search draws must not depend on when this was asked."""
    options = held(space)
    share, own = _share(space, _proposer(space, False, options)), False
    if isinstance(space, Restricted) and getattr(_whole(space), "sample", None) is not None:
        other = _share(space, _proposer(space, True, None))
        share, own = (other, True) if other > share else (share, False)
    known = remembered(space, _listed) if share < RARE else None
    return _Plan(known, options if share and not own else None, own)


def _share(space: Space, draw: Callable[[random.Random], Arch]) -> float:
    rng, found = random.Random(0), 0
    for tried in range(1, TRIES + 1):
        found += space.valid(draw(rng))
        if found == ENOUGH:
            return found / tried
    return found / TRIES


def _warned(space: Space) -> bool:
    warnings.warn(
        f"fewer than 1 in {TRIES:,} uniform draws of the decisions of {type(_whole(space)).__name__} is valid: random"
        " architectures are draws mended by its `discretise`, which is not uniform over the valid ones; give the"
        " space a method sample(rng) that is, or take appnas.Listed",
        UnevenWarning,
        stacklevel=5,
    )
    return True


def _whole(space: Any) -> Any:
    """The space behind all masks."""
    while isinstance(space, Restricted):
        space = space.space
    return space


def held(space: Space) -> list[list[int]]:
    """The indices that an architecture may hold at every decision: more than a mask allows it to be searched for.

    `none` where a space drops a decision and keeps that out of its mixtures, 0 where a decision may not be active.
    """
    names = decisions(space.choices)
    mask = space.given if isinstance(space, Restricted) else getattr(space, "mask", None)
    if mask is None:
        return [list(range(len(options))) for options in names]
    zero, first = not isinstance(space, Restricted), getattr(space, "active", None) is not None
    rows = (row.tolist() for matrix in mask for row in matrix)
    return [
        [k for k, on in enumerate(row) if on or (zero and options[k] in ZERO) or (first and k == 0)]
        for row, options in zip(rows, names, strict=True)
    ]


def everything(space: Space) -> list[Arch] | None:
    """All valid architectures, in order; None of a space with more combinations than `LISTED`."""
    known = remembered(space, _listed)
    return None if known is None else list(known)


def _listed(space: Space) -> list[Arch] | None:
    whole = _whole(space)
    if isinstance(whole, Listed):
        few = len(whole.rows) <= LISTED
        return sorted(arch for arch in map(tuple, whole.rows.tolist()) if space.valid(arch)) if few else None
    options = held(space)
    if math.prod(map(len, options)) > LISTED:
        return None
    return [arch for arch in itertools.product(*options) if space.valid(arch)]


_found: dict[tuple[int, Callable[[Space], Any]], Any] = {}
_kept: list[Space] = []


def remembered(space: Space, find: Callable[[Space], Any]) -> Any:
    """What was found out about a space, once while it lives."""
    key = id(space), find
    if key not in _found:
        found = find(space)
        try:
            weakref.finalize(space, _found.pop, key, None).atexit = False
        except TypeError:  # of a class with slots: it lives on, so that no other space has its id
            _kept.append(space)
        _found[key] = found
    return _found[key]


def noise(choices: tuple[Choice, ...], rng: random.Random) -> list[list[float]]:
    """A uniform number for every option of every decision."""
    return [[rng.random() for _ in options] for options in decisions(choices)]


def mended(space: Space, scores: list[list[float]]) -> Arch:
    """The valid architecture that scores of all options point to.

    Raises:
        TypeError: the space has no `discretise`.
        ValueError: it gives what its `valid` refuses.
    """
    offers(space, ["discretise"], "a choice that keeps the space's rules")
    return ruled(space, space.discretise(split(space.choices, [torch.tensor(row) for row in scores])))
