"""strategy.last_stage.ranked: in turn, what is chosen by, its state; the means decide in `test_strategy_phases`."""

import random

import pytest
import torch

from appnas.strategy import Draw, Random, Ranked, Score
from appnas.testing import StrategySuite, round_trip


class TestChosenByLoss(StrategySuite):
    """The ranking begins within the suite's thirteen steps."""

    @pytest.fixture
    def space(self, chain):
        return chain

    @pytest.fixture
    def make(self):
        return lambda space, seed: Ranked(Random(space, random.Random(seed)), 8, 3, "both", simplest=True)


class Given:
    """Asks what it is given, again and again."""

    def __init__(self, *archs):
        self.archs, self.asked = archs, 0

    def ask(self):
        self.asked += 1
        return Draw(self.archs[(self.asked - 1) % len(self.archs)])

    def tell(self, draw, score):
        pass

    def best(self):
        return self.archs[0]

    def state_dict(self):
        return {"asked": self.asked}

    def load_state_dict(self, state):
        self.asked = state["asked"]


SMALL, LARGE = (1,), (2,)
TRAININGS = {SMALL: [(80.0, 0.5), (81.0, 0.5), (80.0, 0.5)], LARGE: [(81.0, 0.9), (81.0, 0.9), (80.0, 0.9)]}


def ranked(**how):
    strategy = Ranked(Given(SMALL, LARGE), 2, 2, **how)
    for step in range(8):
        draw = strategy.ask()
        value, loss = TRAININGS[draw.arch][max(step // 2 - 1, 0)]
        size = {SMALL: 10.0, LARGE: 20.0}[draw.arch]
        strategy.tell(draw, Score(torch.tensor(value), {"loss": loss, "parameters": size}))
    return strategy


def test_values_losses_and_sizes_decide_as_is_asked():
    assert ranked().best() == LARGE
    assert ranked(by="loss").best() == SMALL
    assert ranked(simplest=True).best() == SMALL
    assert ranked(simplest=True).ranked() == [80.0, 81.0, 80.0]


def test_a_state_holds_losses_and_sizes():
    other = Ranked(Given(SMALL, LARGE), 2, 2, "loss", simplest=True)
    other.load_state_dict(round_trip(ranked(by="loss").state_dict()))
    assert other.best() == SMALL and len(other.again) == 2


def told(strategy, *values):
    for value in values:
        strategy.tell(strategy.ask(), Score(torch.tensor(float(value))))


def test_where_the_search_began_is_ranked_too():
    strategy = Ranked(Given((1,), (2,), (3,), (4,)), 4, 2, given=[(1,), (2,)])
    told(strategy, 1, 2, 9, 8)
    assert strategy.top() == [(3,), (2,)]  # the best of those given, in the place of (4,)
    other = Ranked(Given((1,), (2,), (3,), (4,)), 4, 2, given=[(1,), (2,)])
    other.load_state_dict(round_trip(strategy.state_dict()))
    for one in (strategy, other):
        told(one, 5, 6)
        assert one.best() == (2,) and one.ranked() == [6.0]
    among = Ranked(Given((1,), (2,), (3,)), 3, 2, given=[(1,)])
    told(among, 7, 2, 9)
    assert among.top() == [(3,), (1,)]  # it is there already
    alone = Ranked(Given((1,), (2,)), 2, 1, given=[(1,)])
    told(alone, 1, 2)
    assert alone.top() == [(2,)]


def test_where_the_last_stage_trains_longer_all_that_are_given_enter_it_once():
    """A deep network learns slowly: what the search makes of it says nothing about a longer training."""

    def begun():
        return Ranked(Given((1,), (2,), (3,), (4,)), 4, 2, given=[(1,), (2,)], longer=True)

    strategy = begun()
    told(strategy, 1, 2, 9, 8)
    other = begun()
    other.load_state_dict(round_trip(strategy.state_dict()))
    for one in (strategy, other):
        assert one.top() == [(3,), (2,)]
        told(one, 7)
        one.load_state_dict(round_trip(one.state_dict()))
        told(one, 5)
        assert one.top() == [(3,), (1,)] and one.again == {(1,): [7.0], (2,): [5.0]}
        assert one.best() == (1,)  # still the search's own
        told(one, 6, 6, 5)  # what was trained least comes first
        assert one.again == {(1,): [7.0, 5.0], (2,): [5.0], (3,): [6.0, 6.0]}
        assert one.best() == one.top()[0] and one.ranked() == [6.0, 6.0]
