"""appnas.strategy.multi_fidelity: who goes on, worked out by hand; ties, failures and the end of a budget."""

import random

import pytest
import torch

from appnas.strategy import Draw, Evolution, MultiFidelity, Random, Score
from appnas.strategy.multi_fidelity import Brackets
from appnas.support import ExhaustedError, Failure
from appnas.testing import StrategySuite, identical, planted, round_trip

SCHEMES = ("asha", "hyperband", "halving")


def around(scheme, inner="random", **more):
    def make(space, seed):
        rng = random.Random(seed)
        strategy = Evolution(space, rng, 6, 3) if inner == "evolution" else Random(space, rng)
        return MultiFidelity(strategy, (1, 3, 9), 3.0, scheme, **more)

    return make


@pytest.mark.parametrize("make", [*map(around, SCHEMES), around("asha", "evolution"), around("asha", keep=0)])
class TestOnVectors(StrategySuite):
    steps = 17

    @pytest.fixture
    def space(self, chain):
        return chain


@pytest.mark.parametrize("make", [around("hyperband", "evolution")])
class TestOnCells(StrategySuite):
    @pytest.fixture
    def space(self, cells):
        return cells


class Listed:
    """Proposes (0,), (1,), ... up to a number of them, and remembers what it was told."""

    def __init__(self, count=10**6):
        self.count, self.asked, self.told = count, 0, []

    def ask(self):
        if self.asked == self.count:
            raise ExhaustedError("that is all")
        self.asked += 1
        return Draw((self.asked - 1,))

    def tell(self, draw, score):
        self.told.append((*draw.arch, float(score.value)))


def score(value, **more):
    return Score(torch.tensor(float(value)), **more)


def course(strategy, value, steps):
    """(architecture, since, budget) of every draw, one at a time; and what was dropped after each."""
    jobs, dropped = [], []
    for _ in range(steps):
        draw = strategy.ask()
        jobs.append((*draw.arch, draw.since, draw.budget))
        dropped.append([(*arch, budget) for arch, budget in strategy.tell(draw, value(draw)).dropped])
    return jobs, dropped


def test_asha_by_hand():
    """eta 2: of two on a rung the better goes on, of equal ones the first; of four two."""
    values = {0: 1.0, 1: 5.0, 2: 5.0, 3: 0.0, 4: 9.0}
    inner = Listed()
    strategy = MultiFidelity(inner, (1, 2, 4), 2.0)
    jobs, dropped = course(strategy, lambda draw: score(values[draw.arch[0]]), 9)
    assert jobs == [
        (0, 0, 1), (1, 0, 1), (1, 1, 2), (2, 0, 1), (3, 0, 1), (2, 1, 2), (1, 2, 4), (4, 0, 1), (4, 1, 2),
    ]  # fmt: skip
    assert dropped[6] == [(1, 4)] and not any(dropped[:6])  # nothing goes on from the last rung
    assert strategy.best() == (1,)  # the largest budget counts, though 4 has a larger value at 2
    assert inner.told == [(0, 1.0), (1, 5.0), (1, 5.0), (2, 5.0), (3, 0.0), (2, 5.0), (1, 5.0), (4, 9.0), (4, 9.0)]
    assert strategy.spent == 5 * 1 + 3 * 1 + 1 * 2
    assert strategy.ask()[:1] == ((4,),) and strategy.ask().budget == 1


def test_asha_frees_what_is_far_behind_and_begins_it_anew():
    values = [3.0, 2.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    strategy = MultiFidelity(Listed(), (1, 2), 2.0, keep=1)
    jobs, dropped = course(strategy, lambda draw: score(values[draw.arch[0]]), 9)
    assert jobs[:9] == [
        (0, 0, 1), (1, 0, 1), (0, 1, 2), (2, 0, 1), (3, 0, 1), (1, 1, 2), (4, 0, 1), (5, 0, 1), (2, 0, 2),
    ]  # fmt: skip
    assert dropped[3] == [(2, 1)]  # 1 waits, and one is kept
    assert strategy.spent == 6 + 1 + 1 + 2  # 2 began anew


def test_halving_by_hand():
    """27 is too long: rungs of 9, 3 and 1 with eta 3; what does not go on is dropped once its rung is whole."""
    strategy = MultiFidelity(Listed(), (1, 3, 9), 3.0, "halving")
    jobs, dropped = course(strategy, lambda draw: score(draw.arch[0] % 9), 14)
    assert jobs[:9] == [(i, 0, 1) for i in range(9)]
    assert jobs[9:13] == [(8, 1, 3), (7, 1, 3), (6, 1, 3), (8, 3, 9)] and jobs[13] == (9, 0, 1)
    assert dropped[8] == [(i, 1) for i in (5, 4, 3, 2, 1, 0)] and dropped[11] == [(7, 3), (6, 3)]
    assert dropped[12] == [(8, 9)]


def test_sizes_of_hyperband():
    """The paper's table 1: R = 81, eta = 3."""
    brackets = Brackets(5, 3.0, True)
    assert [brackets.size(first) for first in range(5)] == [81, 34, 15, 8, 5]
    assert Brackets(5, 3.0, False).size(0) == 81
    strategy = MultiFidelity(Listed(), (1, 3, 9), 3.0, "hyperband")
    jobs, _ = course(strategy, lambda draw: score(draw.arch[0]), 9 + 3 + 1 + 5 + 1 + 3)
    assert jobs[13:18] == [(i, 0, 3) for i in range(9, 14)] and jobs[18] == (13, 3, 9)
    assert jobs[19:] == [(i, 0, 9) for i in range(14, 17)]


def test_nobody_waits_for_a_rung():
    """With more draws under way than a rung has, the next bracket begins."""
    strategy = MultiFidelity(Listed(), (1, 2), 2.0, "halving")
    draws = [strategy.ask() for _ in range(3)]
    assert [draw.arch for draw in draws] == [(0,), (1,), (2,)]
    for draw in draws:
        strategy.tell(draw, score(draw.arch[0]))
    assert (strategy.ask().arch, strategy.ask().arch) == ((1,), (3,))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "bad",
    [
        {"value": torch.tensor(float("nan"))},
        {"failure": Failure("Error", "no")},
        {"metrics": {"diverged": 1.0}},
        {"value": torch.tensor(float("-inf"))},
    ],
)
def test_what_failed_neither_goes_on_nor_wins(scheme, bad):
    """Even the best values, where they are those of failures; and a last rung of failures alone is not the result."""
    strategy = MultiFidelity(Listed(), (1, 2), 2.0, scheme)

    def value(draw):
        good = score(draw.arch[0])
        return good._replace(**({"value": torch.tensor(100.0)} | bad)) if draw.arch[0] % 2 or draw.budget == 2 else good

    jobs, _ = course(strategy, value, 20)
    assert not [job for job in jobs if job[0] % 2 and job[1]] and [job for job in jobs if job[2] == 2]
    assert strategy.best()[0] == max(job[0] for job in jobs if not job[0] % 2 and job[2] == 1)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_small_space_is_trained_to_the_end(scheme):
    """Where nothing new is left, the best of every rung goes on, up to the last; then the search ends."""
    strategy = MultiFidelity(Listed(4), (1, 3, 9), 3.0, scheme)
    jobs = []
    with pytest.raises(ExhaustedError, match="as far as they go"):
        while True:
            draw = strategy.ask()
            jobs.append((*draw.arch, draw.budget))
            strategy.tell(draw, score(draw.arch[0]))
    assert (3, 9) in jobs and strategy.best() == (3,) and len(jobs) == len(set(jobs))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_total_is_never_exceeded(scheme):
    """It is counted in the budget; what a memory answered at no cost does not count."""
    for total in (1, 20, 50):
        strategy = MultiFidelity(Listed(), (1, 3, 9), 3.0, scheme, total)
        spent = 0
        while not strategy.done:
            draw = strategy.ask()
            spent += draw.budget - draw.since
            strategy.tell(draw, score(draw.arch[0]))
        assert total - 9 < spent <= total and strategy.spent == spent
        with pytest.raises(ExhaustedError, match="are spent"):
            strategy.ask()
    strategy = MultiFidelity(Listed(), (1, 3, 9), 3.0, scheme, 5)
    for _ in range(10):
        strategy.tell(strategy.ask(), score(1.0, metrics={"budget": 0.0}))
    assert strategy.spent == 0.0 and not strategy.done


def test_it_goes_on_with_draws_under_way(chain):
    """The state holds what was asked and not told."""
    oracle = planted(chain)
    for scheme in SCHEMES:
        one, other = (around(scheme)(chain, seed) for seed in (0, 1))
        for _ in range(12):
            draw = one.ask()
            one.tell(draw, oracle.score(draw))
        draws = [one.ask() for _ in range(4)]
        other.load_state_dict(round_trip(one.state_dict()))
        for strategy in (one, other):
            for draw in draws:
                strategy.tell(draw, oracle.score(draw))
        assert identical([one.ask() for _ in range(3)], [other.ask() for _ in range(3)])
        assert identical(round_trip(one.state_dict()), round_trip(other.state_dict()))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_trainings_that_begin_anew_cost_their_whole_budget(scheme):
    strategy = MultiFidelity(Listed(), (1, 3), 3.0, scheme, 12, resumes=False)
    jobs, _ = course(strategy, lambda draw: score(draw.arch[0]), 4)
    assert jobs[:3] == [(0, 0, 1), (1, 0, 1), (2, 0, 1)] and jobs[3][1:] == (0, 3) and strategy.spent == 6


def test_refusals():
    with pytest.raises(ValueError, match=r"go up from at least 1, .* got \[3, 1\]"):
        MultiFidelity(Listed(), (3, 1))
    with pytest.raises(ValueError, match=r"eta is above 1, got \[1, 3\] and eta=1"):
        MultiFidelity(Listed(), (1, 3), 1.0)
    strategy = MultiFidelity(Listed(), (1, 3))
    with pytest.raises(ValueError, match="was not asked"):
        strategy.tell(Draw((0,), budget=1), score(1.0))
    inner = Listed()
    inner.ask = lambda: Draw((0,), (torch.ones(1, 2),))
    with pytest.raises(TypeError, match="proposes gates"):
        MultiFidelity(inner, (1, 3)).ask()
