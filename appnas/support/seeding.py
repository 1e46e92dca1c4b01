"""Randomness that goes on where it was: modules built under a seed, generators as plain containers."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from appnas.support.plain import plain


def rng_state(rng: random.Random) -> list[Any]:
    """A generator's state as plain containers."""
    version, internal, gauss = rng.getstate()
    return [version, list(internal), gauss]


def set_rng(rng: random.Random, state: list[Any]) -> None:
    """Put a generator into a state that `rng_state` gave."""
    rng.setstate((state[0], tuple(state[1]), state[2]))


States = tuple[Any, dict[str, Any], Tensor]
"""Of Python's, numpy's and torch's generators."""


def random_states() -> States:
    """The states of the global generators of Python, numpy and torch's CPU."""
    return random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state()


def set_random_states(found: States) -> None:
    """Put the global generators into states that `random_states` gave."""
    random.setstate(found[0])
    np.random.set_state(found[1])
    torch.set_rng_state(found[2])


def kept_states() -> list[Any]:
    """Those of Python's and numpy's global generators as plain containers."""
    (version, internal, gauss), numbers, _ = random_states()
    return [[version, list(internal), gauss], plain(numbers)]


def restore_states(kept: list[Any]) -> None:
    """Put these generators into states that `kept_states` gave."""
    (version, internal, gauss), numbers = kept
    set_random_states(((version, tuple(internal), gauss), numbers, torch.get_rng_state()))


def reseed(seed: int) -> None:
    """Seed the global generators of Python, numpy and torch's CPU."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.default_generator.manual_seed(seed)


@contextmanager
def _put_back() -> Iterator[None]:
    """What the global generators draw inside changes nothing outside."""
    before = random_states()
    try:
        yield
    finally:
        set_random_states(before)


@contextmanager
def forked(device: torch.device, seed: int, torch_alone: bool = False) -> Iterator[None]:
    """The global generators of Python, numpy and torch, and a device's, seeded inside and put back afterwards.

    Args:
        device: of networks.
        seed: of all of them.
        torch_alone: leave Python's and numpy's as they are, whose states take a third of a millisecond: for steps.
    """
    before = device_random(device)
    with torch.random.fork_rng(devices=[]) if torch_alone else _put_back():
        (torch.default_generator.manual_seed if torch_alone else reseed)(seed)
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
    """Build a module under its own seed, leaving the global generators of Python, numpy and torch as they were.

    It is built on the CPU, so that its weights are the same whatever device it is then moved to.
    """
    with _put_back():
        reseed(seed)
        torch.manual_seed(seed)  # those of devices, too: a module may draw there
        built = build()
    return built if device is None else built.to(device)
