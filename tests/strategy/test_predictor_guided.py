"""predictor_guided: different random architectures first, then batches of proposals, made of all values told."""

import random

import pytest
import torch

from appnas.space import neighbours
from appnas.spaces import NASBenchGraph
from appnas.strategy import Archive, PredictorGuided, Score
from appnas.support import ExhaustedError
from appnas.testing import StrategySuite


class Near:
    """Proposes three neighbours of the best told, and trusts the values."""

    def __init__(self, space):
        self.space, self.batches = space, 0

    def propose(self, told):
        self.batches += 1
        best, _ = max(told, key=lambda item: item.value)
        return [arch for arch, _ in zip(neighbours(self.space, best), range(3), strict=False)]

    def best(self):
        return None

    def state_dict(self):
        return {"batches": self.batches}

    def load_state_dict(self, state):
        self.batches = state["batches"]


class TestGuided(StrategySuite):
    @pytest.fixture
    def space(self):
        return NASBenchGraph()

    @pytest.fixture
    def make(self):
        return lambda space, seed: PredictorGuided(space, random.Random(seed), 4, Near(space))


def test_batches(chain):
    """Four different ones, then neighbours of the best, three at a time."""
    strategy = PredictorGuided(chain, random.Random(0), 4, Near(chain))
    first = [strategy.ask() for _ in range(4)]
    assert len({draw.arch for draw in first}) == 4 and strategy.pool() == []
    assert chain.valid(strategy.ask().arch), "nothing was told yet: a random one"
    for i, draw in enumerate(first):
        strategy.tell(draw, Score(torch.tensor(float(i))))
    expected = list(neighbours(chain, first[-1].arch))[:3]
    assert strategy.pool() == expected
    assert [strategy.ask().arch for _ in range(3)] == expected
    strategy.tell(first[0], Score(torch.tensor(float("nan"))))
    strategy.tell(first[0], Score(torch.tensor(float("-inf"))))
    assert len(strategy.told) == 4 and strategy.best() == first[-1].arch


def test_equal_values_say_nothing(chain):
    strategy = PredictorGuided(chain, random.Random(0), 2, Near(chain))
    for _ in range(5):
        strategy.tell(strategy.ask(), Score(torch.tensor(1.0)))
    assert strategy.proposer.batches == 0


def test_fresh_ones_are_different_and_as_many_as_there_are(chain):
    seen = {(0, 0)}
    archive = Archive(seen=seen)
    assert len(set(archive.new(chain, random.Random(0), 30))) == 24 and len(archive.seen) == 25
    assert archive.new(chain, random.Random(0), 30) == []


def test_a_small_space_is_asked_once_and_a_pool_is_filled(chain):
    strategy = PredictorGuided(chain, random.Random(0), 30, Near(chain), new=True)
    assert len({strategy.ask().arch for _ in range(25)}) == 25
    with pytest.raises(ExhaustedError, match="all of its 25 architectures were proposed"):
        strategy.ask()
    strategy = PredictorGuided(chain, random.Random(0), 30, Near(chain), again=True)
    assert len(strategy.pool()) == 30 and len({*strategy.pool()}) == 25
    assert all(chain.valid(strategy.ask().arch) for _ in range(31))
