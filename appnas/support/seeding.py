"""Randomness that goes on where it was: modules built under a seed, generators as plain containers."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


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
    before = device_random(device)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        try:
            if before:
                _seed(device, seed)
            yield
        finally:
            if before:
                set_device_random(device, before)


def _numbered(device: torch.device) -> tuple[int, ...]:
    """What a device's module is told of whose generator is meant: nothing where there is one alone (Apple's)."""
    return () if device.type == "mps" else (device.index or 0,)


def _seed(device: torch.device, seed: int) -> None:
    """Seed a device's generator, which its module does to that of the device in use alone."""
    with torch.accelerator.device_index(device.index):
        torch.get_device_module(device).manual_seed(seed)


def device_random(device: torch.device) -> dict[str, Tensor]:
    """The state of a device's own generator, by the device's type; nothing for the CPU, whose generator is torch's."""
    if device.type == "cpu":
        return {}
    return {device.type: torch.get_device_module(device).get_rng_state(*_numbered(device)).cpu()}


def set_device_random(device: torch.device, states: Mapping[str, Tensor]) -> None:
    """Put a device's generator into a state that `device_random` gave.

    Without one of this type (what was saved comes from the CPU, or from another kind of device), it is seeded by the
    state of the CPU's generator, from which nothing is drawn: the same comes of the same file.
    """
    if device.type == "cpu":
        return
    if device.type in states:
        torch.get_device_module(device).set_rng_state(states[device.type], *_numbered(device))
    else:
        state = hashlib.sha256(torch.get_rng_state().numpy().tobytes()).digest()
        _seed(device, int.from_bytes(state[:7], "little"))


def seeded(seed: int, build: Callable[[], nn.Module], device: torch.device | None = None) -> nn.Module:
    """Build a module under its own torch seed, leaving the global generator as it was.

    It is built on the CPU, so that its weights are the same whatever device it is then moved to.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        built = build()
    return built if device is None else built.to(device)
