"""support.saved: what becomes of every kind of attribute, there and back through a file."""

import random
from collections import Counter

import torch
from torch import nn

from appnas.support import Saved
from appnas.testing import identical, round_trip


class Inner(Saved):
    saved = ("number",)

    def __init__(self, number):
        self.number = number


class Outer(Saved):
    saved = (
        "inner", "layer", "rng", "generator", "logits", "plain", "seen", "counts", "waiting", "nothing", "by_arch",
    )  # fmt: skip

    def __init__(self, seed):
        torch.manual_seed(seed)
        self.inner, self.layer, self.nothing = Inner(seed), nn.Linear(2, 2), None
        self.rng, self.generator = random.Random(seed), torch.Generator().manual_seed(seed)
        self.logits = [torch.randn(2).requires_grad_() for _ in range(2)]
        self.plain, self.seen, self.counts = torch.randn(3), {(seed, 1), (0, 2)}, Counter(a=seed)
        self.waiting, self.by_arch = [((seed,), 0.5)], {(seed, 3): torch.tensor([float(seed)])}
        self.left_out = seed


def test_there_and_back():
    one, other = Outer(1), Outer(2)
    one.rng.random(), torch.rand(1, generator=one.generator)
    kept = other.inner, other.layer, other.rng, other.generator, *other.logits
    other.load_state_dict(round_trip(one.state_dict()))
    assert identical(other.state_dict(), one.state_dict())
    now = other.inner, other.layer, other.rng, other.generator, *other.logits
    assert all(a is b for a, b in zip(now, kept, strict=True))
    assert other.inner.number == 1 and other.seen == {(1, 1), (0, 2)} and other.counts == Counter(a=1)
    assert other.waiting == [((1,), 0.5)] and other.nothing is None and list(other.by_arch) == [(1, 3)]
    assert other.rng.random() == one.rng.random() and all(x.requires_grad for x in other.logits)
    assert other.left_out == 2


def test_a_state_is_a_copy():
    one = Outer(1)
    state = one.state_dict()
    one.plain += 1
    one.waiting.append("more")
    assert not torch.equal(state["plain"], one.plain) and len(state["waiting"]) == 1
    other = Outer(2)
    other.load_state_dict(state)
    other.plain += 1
    assert not torch.equal(state["plain"], other.plain)
