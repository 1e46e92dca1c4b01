"""Randomness that goes on where it was: modules built under a seed, generators as plain containers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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


@contextmanager
def forked(device: torch.device, seed: int) -> Iterator[None]:
    """Torch's own generators, the CPU's and a device's, seeded inside and put back afterwards."""
    there = device.type != "cpu"
    with torch.random.fork_rng(
        devices=[device.index or 0] if there else [], device_type=device.type if there else None
    ):
        torch.default_generator.manual_seed(seed)
        if there:
            torch.get_device_module(device).manual_seed(seed)
        yield


def seeded(seed: int, build: Callable[[], nn.Module], device: torch.device | None = None) -> nn.Module:
    """Build a module under its own torch seed, leaving the global generator as it was.

    It is built on the CPU, so that its weights are the same whatever device it is then moved to.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built = build()
    return built if device is None else built.to(device)
