"""Progressive shrinking: spaces searched a segment of decisions at a time, by partial architectures and completions."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Sequence

import torch

from appnas.space.sampling import random_arch
from appnas.space.space import Arch, Space, decisions, legal, split

Prefix = tuple[int, ...]
"""The options of the first decisions of an architecture."""


def ends(decided: int, segment: int) -> list[int]:
    """Where segments end: the first takes `segment` decisions, every other one fewer, and what came before as one.

    Raises:
        ValueError: a segment of one decision.
    """
    if segment < 2:
        raise ValueError(f"a segment has at least 2 decisions, got {segment}")
    return [*range(segment, decided, segment - 1), decided] if segment < decided else [decided]


def complete(space: Space, prefix: Prefix, rng: random.Random) -> Arch | None:
    """A valid architecture that begins so, the rest at random; None if the rules of the space forbade this try."""
    child = prefix + random_arch(space, rng)[len(prefix) :]
    if space.valid(child):
        return child
    scores = [[rng.random() for _ in options] for options in decisions(space.choices)]
    for weight in (3.0, 3.0 + len(scores)):  # as usual, then above all that the rest can add up to
        for row, index in zip(scores, prefix, strict=False):
            row[index] += weight
        child = space.discretise(split(space.choices, [torch.tensor(row) for row in scores]))
        if child[: len(prefix)] == prefix:
            return child
    return None


def extend(space: Space, prefixes: Sequence[Prefix], rng: random.Random, tries: int = 1000) -> Arch:
    """A random valid architecture that begins with one of the prefixes.

    Raises:
        ValueError: none of so many tries was valid.
    """
    for _ in range(tries):
        if (arch := complete(space, rng.choice(prefixes), rng)) is not None:
            return arch
    raise ValueError(f"no valid architecture within {tries} tries that begins with one of {list(prefixes)[:3]}")


def members(
    space: Space, prefixes: Sequence[Prefix], end: int, rng: random.Random, most: int, samples: int
) -> list[Prefix]:
    """Prefixes of `end` decisions that begin with one of the given ones: all, if at most so many, else a sample.

    Those that are listed may break a rule of the space (see `complete`), those that are sampled do not.

    Args:
        space: source of options and rules.
        prefixes: all of one length.
        end: decisions of a member.
        rng: of a sample.
        most: largest number that is listed.
        samples: architectures drawn for a sample; its members are those that differ.
    """
    options = legal(space)[len(prefixes[0]) : end]
    if len(prefixes) * math.prod(map(len, options)) <= most:
        return [prefix + more for prefix in prefixes for more in itertools.product(*options)]
    return list(dict.fromkeys(extend(space, prefixes, rng)[:end] for _ in range(samples)))
