"""appnas.support.seeding: modules built under a seed, generators that go on where they were."""

from __future__ import annotations

import json
import random

import torch
from torch import nn

from appnas.support.seeding import rng_state, seeded, set_rng


def test_seeded_builds_alike_and_leaves_the_generator_alone():
    before = torch.get_rng_state()
    a, b, c = (seeded(seed, lambda: nn.Linear(3, 3)).weight for seed in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c)
    assert torch.equal(before, torch.get_rng_state())


def test_a_generator_goes_on_from_plain_containers():
    """Also through JSON, and between two normal numbers, of which Python draws a pair."""
    rng, other = random.Random(3), random.Random(4)
    rng.gauss(0, 1)
    set_rng(other, json.loads(json.dumps(rng_state(rng))))
    assert [other.gauss(0, 1), other.random()] == [rng.gauss(0, 1), rng.random()]
    assert rng_state(other) == rng_state(rng) and rng_state(rng)[0] == 3
