"""appnas.support.seeding: modules built under a seed, generators that go on where they were."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
import torch
from torch import nn

from appnas.compute import CPU
from appnas.support.plain import plain
from appnas.support.seeding import (
    device_random,
    forked,
    kept_states,
    random_states,
    restore_states,
    rng_state,
    seeded,
    set_device_random,
    set_rng,
)  # fmt: skip


def test_seeded_builds_alike_and_leaves_the_generator_alone():
    before = torch.get_rng_state()
    a, b, c = (seeded(seed, lambda: nn.Linear(3, 3)).weight for seed in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert torch.equal(before, torch.get_rng_state())


def drawn():
    """One number of every global generator."""
    return random.random(), float(np.random.rand()), float(torch.rand(()))


def test_numpy_s_and_python_s_are_seeded_and_put_back_with_torch_s():
    before = random_states()
    a, b, c = (
        seeded(seed, lambda: nn.Linear(*map(int, 3 + 1e6 * np.array(drawn()[:2])), device="meta")) for seed in (1, 1, 2)
    )
    assert a.weight.shape == b.weight.shape != c.weight.shape
    found = []
    for seed in (1, 1, 2):
        with forked(CPU, seed):
            found.append(drawn())
    assert found[0] == found[1] and not set(found[1]) & set(found[2])
    with forked(CPU, 1, torch_alone=True):
        assert torch.rand(()) == found[0][2] and random.getstate() == before[0]
    assert plain(random_states()) == plain(before)


def test_states_go_on_through_a_file():
    with forked(CPU, 3):
        np.random.randn()  # of a pair
        kept = json.loads(json.dumps(kept_states()))
        once = drawn()[:2], np.random.randn()
        restore_states(kept)
        assert (drawn()[:2], np.random.randn()) == once


def test_a_generator_goes_on_from_plain_containers():
    """Also through JSON, and between two normal numbers, of which Python draws a pair."""
    rng, other = random.Random(3), random.Random(4)
    rng.gauss(0, 1)
    set_rng(other, json.loads(json.dumps(rng_state(rng))))
    assert [other.gauss(0, 1), other.random()] == [rng.gauss(0, 1), rng.random()]
    assert rng_state(other) == rng_state(rng) and rng_state(rng)[0] == 3


class Module:
    """What torch has for a kind of device, as far as its generator is concerned."""

    def __init__(self):
        self.generator = torch.Generator().manual_seed(5)

    def get_rng_state(self, device=0):
        return self.generator.get_state()

    def set_rng_state(self, state, device=0):
        self.generator.set_state(state)

    def manual_seed(self, seed):
        self.generator.manual_seed(seed)


@pytest.fixture
def there(monkeypatch):
    """A device with a generator of its own."""
    module = Module()
    monkeypatch.setattr(torch, "get_device_module", lambda device=None: module)
    return torch.device("meta"), module.generator


def test_the_generator_of_a_device_goes_on_where_it_was(there):
    device, generator = there
    state = device_random(device)
    first = torch.rand(3, generator=generator)
    set_device_random(device, state)
    assert torch.equal(torch.rand(3, generator=generator), first) and list(state) == ["meta"]
    assert device_random(CPU) == {} and set_device_random(CPU, {}) is None


def test_one_that_is_new_is_seeded_by_the_state_of_the_cpu_which_stays(there):
    device, generator = there
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        set_device_random(device, {"cuda": torch.zeros(16, dtype=torch.uint8)})
        assert torch.equal(before, torch.get_rng_state())
        found.append(float(torch.rand((), generator=generator)))
    assert found[0] == found[1] != found[2]


def test_both_generators_are_seeded_inside_alone(monkeypatch, there):
    device, generator = there
    monkeypatch.setattr(torch.random, "fork_rng", lambda **_: torch.no_grad())  # meta has none to put back
    with forked(device, 7):
        assert float(torch.rand((), generator=generator)) == float(torch.rand(()))
