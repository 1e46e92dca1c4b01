"""strategy.last_stage.finalists: who comes to the last stage by value, by loss and by both, and each network once."""

import math

import pytest

from appnas.strategy import Finalists
from appnas.testing import round_trip

TOLD = {(1,): (80.0, 0.9), (2,): (81.0, 0.8), (3,): (79.0, 0.5), (4,): (78.0, 0.6)}


def told(*, losses=True, **how):
    finalists = Finalists(how.pop("keep", 3), **how)
    for arch, (value, loss) in TOLD.items():
        finalists.update(arch, value, loss if losses else math.nan)
    return finalists


@pytest.mark.parametrize(
    ("by", "top"), [("value", [(2,), (1,), (3,)]), ("loss", [(3,), (4,), (2,)]), ("both", [(3,), (2,), (4,)])]
)
def test_the_best_by_value_by_loss_or_in_turns(by, top):
    assert told(by=by).top() == top


@pytest.mark.parametrize("by", ["loss", "both"])
def test_without_losses_by_value(by):
    assert told(by=by, losses=False).top() == [(2,), (1,), (3,)]


def test_up_to_half_of_the_few_are_of_those_given():
    given = [(1,), (4,)]
    assert told(given=given).top() == [(2,), (1,), (3,)]  # it is there already
    assert told(given=given, keep=2, by="value").top() == [(2,), (1,)]
    assert told(given=given, keep=2, by="loss").top() == [(3,), (4,)]
    assert told(given=given, keep=2, by="both").top() == [(3,), (1,)]  # of given ones the best by value
    assert told(given=[(3,), (4,)], keep=4).top() == [(2,), (1,), (3,), (4,)]
    assert told(given=[(3,), (4,)], keep=3).top() == [(2,), (1,), (3,)]
    assert told(given=[(4,)], keep=1).top() == [(2,)]


@pytest.mark.parametrize(("by", "own"), [("value", (3,)), ("both", (3,)), ("loss", (1,))])
def test_longer_trainings_decide_which_of_those_given_are_the_best(by, own):
    finalists = told(given=[(1,), (3,)], keep=2, by=by)
    finalists.enter((3,), 70.0, 0.9)
    finalists.enter((1,), 60.0, 0.1)
    finalists.update((1,), 99.0, 0.0)
    assert own in finalists.top() and finalists.own_values.best == [((3,), 70.0)]
    other = Finalists(2, by, [(1,), (3,)])
    other.load_state_dict(round_trip(finalists.state_dict()))
    other.enter((2,), 50.0, 0.5)
    assert other.top() == finalists.top()


def test_one_network_of_two_names_comes_once():
    same = told(name=lambda arch: ((arch[0] + 1) // 2,), by="both")
    assert same.top() == [(3,), (2,)]  # (1,) is the network of (2,), and (4,) that of (3,)


def test_the_state():
    other = Finalists(3, "both")
    other.load_state_dict(round_trip(told(by="both").state_dict()))
    assert other.top() == [(3,), (2,), (4,)]
