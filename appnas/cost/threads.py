"""How many threads are worth it: measured on a network of the space, since small ones lose by them."""

from __future__ import annotations

import random
import time
from typing import Any, NamedTuple

import torch

from appnas.space import Space, random_arch
from appnas.support import seeded
from appnas.task import Domain

WORTH = 0.75
"""Part of one thread's time that more threads may take at most: what they would do besides is not for nothing."""


class Threads(NamedTuple):
    """What was measured.

    Attributes:
        number: of threads to use.
        seconds: threads -> seconds of a forward and a backward pass, the least of the rounds.
    """

    number: int
    seconds: dict[int, float]


def threads_worth(space: Space, domain: Domain, most: int, rounds: int = 3, seed: int = 0) -> Threads:
    """One thread, or `most`, whichever trains an example network sooner by enough. By the clock, sides in turn.

    Args:
        space: of which one network is drawn.
        domain: whose first training examples it reads, as many as are in a batch.
        most: threads that there are processors for.
        rounds: timed passes with each number, after one that is not.
        seed: of the network.

    Raises:
        ValueError: less than one round or thread.
    """
    if most < 1 or rounds < 1:
        raise ValueError(f"at least 1 thread and 1 round are needed, got most={most} and rounds={rounds}")
    arch = random_arch(space, random.Random(seed))
    model = seeded(seed, lambda: space.build(arch, domain.io)).train()
    inputs = domain.example(getattr(getattr(domain, "options", None), "batch", 16))
    before, seconds = torch.get_num_threads(), {}  # type: int, dict[int, float]
    try:
        for turn in range(rounds + 1):
            for count in sorted({1, most}):
                torch.set_num_threads(count)
                start = time.perf_counter()
                _pass(model, inputs)
                if turn:
                    seconds[count] = min(seconds.get(count, float("inf")), time.perf_counter() - start)
    finally:
        torch.set_num_threads(before)
    return Threads(most if seconds[most] < WORTH * seconds[1] else 1, seconds)


def _pass(model: Any, inputs: tuple[Any, ...]) -> None:
    out = model(*inputs)
    parts = [part for part in (out if isinstance(out, tuple) else (out,)) if part is not None]
    sum(part.square().mean() for part in parts).backward()
