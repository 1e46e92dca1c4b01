"""Which designs are held out: splits of placements are by design, so that no network is judged on one that it saw."""

from __future__ import annotations

import random
from typing import Protocol

import numpy as np


class Held(Protocol):
    """What options say of it: designs of test and validation, and the seed of those that are drawn."""

    @property
    def test(self) -> tuple[str, ...]:
        """Held out for the test; none to draw a third."""

    @property
    def valid(self) -> tuple[str, ...]:
        """Held out for validation; none to draw a quarter of the others."""

    @property
    def seed(self) -> int:
        """Of the drawn designs."""


def split_designs(designs: tuple[str, ...], options: Held) -> dict[str, np.ndarray]:
    """Indices of the placements of every split: train, valid, test, and all but test.

    Raises:
        ValueError: an unknown design, or a split without one.
    """
    known = sorted(set(designs))
    if len(known) < 3:
        raise ValueError(f"placements are split by design into training, validation and test: give three, got {known}")
    unknown = sorted((set(options.test) | set(options.valid)) - set(known))
    if unknown:
        raise ValueError(f"the designs are {known}, there is no {unknown[0]!r}")
    rng = random.Random(options.seed)
    test = options.test or tuple(rng.sample(known, max(len(known) // 3, 1)))
    rest = [name for name in known if name not in test and name not in options.valid]
    valid = options.valid or tuple(rng.sample(rest, min(max(len(rest) // 4, 1), len(rest))))
    of = np.array(designs)
    split = {"test": np.isin(of, test), "valid": np.isin(of, valid) & ~np.isin(of, test)}
    split["all"] = ~split["test"]
    split["train"] = split["all"] & ~split["valid"]
    for name, chosen in split.items():
        if not chosen.any():
            raise ValueError(f"the split {name!r} is empty: {len(known)} designs {known}, of which test {test}")
    return {name: np.flatnonzero(chosen) for name, chosen in split.items()}
