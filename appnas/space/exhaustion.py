"""Architectures that were not proposed yet, and whether there are any left."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Collection

from appnas.space.moves import random_arch
from appnas.space.space import Arch, Space, legal
from appnas.support import ExhaustedError

LISTED = 10_000
"""Combinations of options up to which a space is listed to see what is left of it."""
TRIES = 100
"""Random draws before it is listed; ten times as many where it is too large for that."""


def everything(space: Space) -> list[Arch] | None:
    """All valid architectures, in order; None of a space with more combinations than `LISTED`."""
    options = legal(space)
    if math.prod(map(len, options)) > LISTED:
        return None
    return [arch for arch in itertools.product(*options) if space.valid(arch)]


def spent(space: Space, seen: Collection[Arch]) -> bool:
    """Whether there certainly is no architecture but those seen; never certain of a space too large to be listed."""
    known = everything(space)
    return known is not None and not set(known) - set(seen)


def unseen(space: Space, rng: random.Random, seen: Collection[Arch]) -> Arch:
    """A random architecture that was not seen: drawn, or, where draws find none, chosen from all that are left.

    Raises:
        ExhaustedError: none is left, or so many draws find none in a space that is too large to be listed.
    """
    for _ in range(TRIES):
        if (arch := random_arch(space, rng)) not in seen:
            return arch
    known = everything(space)
    if known is None:
        for _ in range(9 * TRIES):
            if (arch := random_arch(space, rng)) not in seen:
                return arch
        raise ExhaustedError(f"{10 * TRIES:,} random draws found none but the {len(seen):,} that were proposed")
    left = [arch for arch in known if arch not in seen]
    if not left:
        raise ExhaustedError(all_of(len(known)))
    return rng.choice(left)


def all_of(count: int) -> str:
    """That so many architectures are all there are, in words."""
    return "it has one architecture" if count == 1 else f"all of its {count:,} architectures were proposed"
