"""estimate.final_stage: the best few again, their means decide; state; the strategy suite around another strategy."""

import random

import pytest
import torch

from appnas.estimate import Cached, Scratch, ThenScratch
from appnas.loop import search_loop
from appnas.strategy import Draw, Random, Ranked, Score
from appnas.testing import StrategySuite, round_trip


class TestRanked(StrategySuite):
    """The ranking begins within the suite's thirteen steps."""

    @pytest.fixture
    def space(self, chain):
        return chain

    @pytest.fixture
    def make(self):
        return lambda space, seed: Ranked(Random(space, random.Random(seed)), 8, 3)


class Listed:
    """Asks what it is given."""

    def __init__(self, *archs):
        self.archs = list(archs)

    def ask(self):
        return Draw(self.archs.pop(0))

    def tell(self, draw, score):
        return None

    def best(self):
        return (9,)


def told(strategy, *values):
    asked = []
    for value in values:
        draw = strategy.ask()
        strategy.tell(draw, Score(torch.tensor(float(value))))
        asked.append(draw.arch)
    return asked


def test_means_decide():
    strategy = Ranked(Listed((1,), (2,), (3,), (2,)), 4, 2)
    assert told(strategy, 5, 3, 1, 7) == [(1,), (2,), (3,), (2,)]
    assert strategy.best() == (9,)
    assert told(strategy, 6, 2) == [(2,), (1,)]  # the best by value first, in turn
    assert strategy.best() == (2,)
    assert told(strategy, float("nan"), 3) == [(2,), (1,)]
    assert strategy.best() == (1,)


def test_fewer_found_than_asked_for():
    strategy = Ranked(Listed((1,), (1,)), 2, 5)
    told(strategy, 1, 1, 1)
    assert strategy.best() == (1,)


def test_repeats_are_trainings_from_scratch_with_seeds_of_their_own(chain, regression):
    inner = Cached(Scratch(chain, regression, 1))
    evaluator = ThenScratch(inner, 2, chain, regression, 3, seed=5)
    result = search_loop(Ranked(Random(chain, random.Random(0)), 2, 2), evaluator, 6)
    again = result.history[2:]
    assert [r.arch for r in again[:2]] == [r.arch for r in again[2:]] and inner.queries == 2
    for record, seed in zip(again, (5, 5, 6, 6), strict=True):
        expected = Scratch(chain, regression, 3, seed).score(Draw(record.arch)).value
        assert record.value == pytest.approx(float(expected))
    other = ThenScratch(Cached(Scratch(chain, regression, 1)), 2, chain, regression, 3, seed=5)
    other.load_state_dict(round_trip(evaluator.state_dict()))
    draw = Draw(again[0].arch)
    assert torch.equal(other.score(draw).value, evaluator.score(draw).value)
