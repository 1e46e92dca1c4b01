"""Randomness that goes on where it was: modules built under a seed, generators as plain containers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch
from torch import nn


def rng_state(rng: random.Random) -> list[Any]:
    """A generator's state as plain containers."""
    version, internal, gauss = rng.getstate()
    return [version, list(internal), gauss]


def set_rng(rng: random.Random, state: list[Any]) -> None:
    """Put a generator into a state that `rng_state` gave."""
    rng.setstate((state[0], tuple(state[1]), state[2]))


def seeded(seed: int, build: Callable[[], nn.Module]) -> nn.Module:
    """Build a module under its own torch seed, leaving the global generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()
