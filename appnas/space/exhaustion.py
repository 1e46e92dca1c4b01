"""Architectures that were not proposed yet, and whether there are any left."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from functools import partial

from appnas.space.sampling import everything, random_arch
from appnas.space.space import Arch, Space, canonical
from appnas.support import ExhaustedError
from appnas.support.plain import itself

TRIES = 100
"""Random draws before a space is listed; ten times as many where it is too large for that."""
Name = Callable[[Arch], Arch]
"""An architecture -> what it is known by: itself, or the name of its network (`appnas.space.canonical`)."""


def names(space: Space, distinct: bool = True) -> Name:
    """What architectures are known by where those of one network count as one, if the space can tell (`canonical`)."""
    if not distinct or getattr(space, "canonical", None) is None:
        return itself
    return partial(canonical, space)


def spent(space: Space, seen: Collection[Arch], name: Name = itself) -> bool:
    """Whether there certainly is no architecture but those seen; never certain of a space too large to be listed.

    Args:
        space: of the architectures.
        seen: their names.
        name: of an architecture.
    """
    known = everything(space)
    return known is not None and all(name(arch) in seen for arch in known)


def unseen(space: Space, rng: random.Random, seen: Collection[Arch], name: Name = itself) -> Arch:
    """A random architecture that was not seen: drawn, or, where draws find none, chosen from all that are left.

    Args:
        space: of the architectures.
        rng: source of randomness.
        seen: their names.
        name: of an architecture.

    Raises:
        ExhaustedError: none is left, or so many draws find none in a space that is too large to be listed.
    """
    for _ in range(TRIES):
        if name(arch := random_arch(space, rng)) not in seen:
            return arch
    known = everything(space)
    if known is None:
        for _ in range(9 * TRIES):
            if name(arch := random_arch(space, rng)) not in seen:
                return arch
        raise ExhaustedError(f"{10 * TRIES:,} random draws found none but the {len(seen):,} that were proposed")
    left = [arch for arch in known if name(arch) not in seen]
    if not left:
        raise ExhaustedError(all_of(len({name(arch) for arch in known})))
    return rng.choice(left)


def all_of(count: int) -> str:
    """That so many architectures are all there are, in words."""
    return "it has one architecture" if count == 1 else f"all of its {count:,} architectures were proposed"
