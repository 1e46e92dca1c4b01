"""appnas.estimate.evaluator: scores from training, from tables, from memory, and rewards made of them."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from appnas.cost import parameters, weighted_product
from appnas.estimate import Cached, Evaluator, Rewarded, Scratch, Stateless, Table, evaluator_of, in_turn
from appnas.space import IO, names, random_arch
from appnas.strategy import Draw, Random, Score
from appnas.task import DivergedError, Locked
from appnas.testing.parts import round_trip

ARCHS = [(0, 0), (0, 1), (1, 0), (1, 1)]
COLUMNS = {"valid": [10.0, 40.0, 30.0, 20.0], "test": [11.0, 41.0, 31.0, 21.0], "seconds": [1.0, 2.0, 3.0, 4.0]}


@pytest.fixture
def table():
    return Table(ARCHS, COLUMNS, "valid", withheld=("test",))


class Counting(Stateless):
    """The sum of the indices, and how often it was asked."""

    def __init__(self):
        self.calls, self.learned = 0, 0

    def score(self, draw):
        self.calls += 1
        return Score(torch.tensor(float(sum(draw.arch))), {"seconds": 2.0})

    def learn(self, draw):
        self.learned += 1

    def state_dict(self):
        return {"calls": self.calls}

    def load_state_dict(self, state):
        self.calls = state["calls"]


def test_all_are_evaluators(table, bench201, digits):
    for evaluator in (table, Cached(table), Rewarded(table, lambda m: 0.0), Scratch(bench201, digits, 1), Counting()):
        assert isinstance(evaluator, Evaluator)


def test_scratch_trains_and_scores_alike_every_time(bench201, digits):
    arch = random_arch(bench201, random.Random(1))
    scores = []
    for noise in range(2):
        torch.manual_seed(noise)
        scores.append(Scratch(bench201, Locked(digits), 2, seed=5).score(Draw(arch)))
    first, second = scores
    assert float(first.value) == float(second.value) and first.metrics == second.metrics
    assert 0 <= float(first.value) <= 100 and float(first.value) == pytest.approx(first.metrics["accuracy"])
    assert first.metrics["parameters"] == parameters(bench201.build(arch, digits.io))
    assert "value" not in first.metrics
    other = Scratch(bench201, Locked(digits), 2, seed=6).score(Draw(arch))
    assert other.metrics["loss"] != first.metrics["loss"]


class Broken:
    """A domain in which training, or scoring, goes wrong."""

    io = IO((1, 8, 8), (2,))

    def __init__(self, fail, value):
        self.fail, self.value = fail, value

    def fit(self, model, budget, *, final=False, seed=0, checkpoint=None, on_epoch=None):
        if self.fail:
            raise DivergedError("the loss is nan at step 0")

    def score(self, model):
        return {"value": self.value, "other": 1.0}


def test_a_diverged_training_gets_its_set_value(bench201):
    score = Scratch(bench201, Broken(True, 5.0), 1, diverged=-3.0).score(Draw((0,) * 6))
    assert float(score.value) == -3.0 and score.metrics["diverged"] == 1.0
    score = Scratch(bench201, Broken(False, float("nan")), 1, diverged=-3.0).score(Draw((0,) * 6))
    assert float(score.value) == -3.0 and score.metrics["diverged"] == 1.0
    score = Scratch(bench201, Broken(False, 5.0), 1).score(Draw((0,) * 6))
    assert float(score.value) == 5.0 and "diverged" not in score.metrics and score.metrics["other"] == 1.0


def test_cached_asks_once(table):
    inner = Counting()
    cached = Cached(inner)
    draws = [Draw((1, 2)), Draw((3, 4)), Draw((1, 2), gates=(torch.ones(1),)), Draw((1, 2))]
    assert [float(cached.score(draw).value) for draw in draws] == [3.0, 7.0, 3.0, 3.0]
    assert inner.calls == 2 and (cached.queries, cached.hits) == (4, 2)
    cached.learn(draws[0])
    assert inner.learned == 1


def test_cached_remembers_across_a_restart():
    inner = Counting()
    cached = Cached(inner)
    cached.score(Draw((1, 2)))
    cached.score(Draw((1, 2)))
    state = round_trip(cached.state_dict())
    fresh = Cached(Counting())
    fresh.load_state_dict(state)
    assert (fresh.queries, fresh.hits, fresh.evaluator.calls) == (2, 1, 1)
    score = fresh.score(Draw((1, 2)))
    assert float(score.value) == 3.0 and score.metrics == {"seconds": 2.0} and fresh.evaluator.calls == 1


def test_rewarded_trades_value_against_cost(table):
    def latency(arch):
        return {"ms": 40.0 * (1 + sum(arch))}

    rewarded = Rewarded(table, lambda m: weighted_product(m["value"], m["ms"], 80.0), latency)
    score = rewarded.score(Draw((1, 1)))
    assert score.metrics == {"valid": 20.0, "seconds": 4.0, "value": 20.0, "ms": 120.0}
    assert float(score.value) == pytest.approx(20.0 * 1.5**-0.07)
    assert rewarded.score(Draw((0, 1))).metrics["ms"] == 80.0


def test_rewarded_passes_the_rest_on():
    inner = Counting()
    rewarded = Rewarded(inner, lambda m: -m["seconds"])
    assert float(rewarded.score(Draw((1,))).value) == -2.0
    rewarded.learn(Draw((1,)))
    assert inner.learned == 1 and rewarded.state_dict() == {"evaluator": {"calls": 1}}
    rewarded.load_state_dict({"evaluator": {"calls": 9}})
    assert inner.calls == 9


def test_rewarded_reads_an_attached_value_as_a_number():
    class Attached(Stateless):
        def score(self, draw):
            return Score(torch.ones(1, requires_grad=True).sum() * 2)

    score = Rewarded(Attached(), lambda m: m["value"] + 1).score(Draw((0,)))
    assert float(score.value) == 3.0 and not score.value.requires_grad


def test_evaluator_of(table, bench201, digits):
    assert evaluator_of(bench201, table, 3, 0, distinct=False) is table
    assert evaluator_of(bench201, table, 3, 0).index is table.index
    made = evaluator_of(bench201, digits, 3, 7)
    assert isinstance(made, Cached) and isinstance(made.evaluator, Scratch)
    assert (made.evaluator.budget, made.evaluator.seed) == (3, 7)
    with pytest.raises(TypeError, match=r"expected a Domain .* or an Evaluator .*, got Random"):
        evaluator_of(bench201, Random(bench201, random.Random(0)), 3, 0)


def test_numbers_of_numpy_are_saved_and_loaded(bench201, tmp_path):
    """What a domain returns may be NumPy's: checkpoints hold plain numbers."""

    class Numpy(Broken):
        def score(self, model):
            return {"value": np.float64(1.5), "extra": np.float32(2.0)}

    first = Cached(Scratch(bench201, Numpy(False, 0.0), 1))
    score = first.score(Draw((0,) * 6))
    assert score.metrics["extra"] == 2.0 and type(score.metrics["extra"]) is float
    torch.save(first.state_dict(), tmp_path / "state.pt")
    second = Cached(Scratch(bench201, Numpy(False, 0.0), 1))
    second.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert float(second.score(Draw((0,) * 6)).value) == 1.5 and second.hits == 1


def test_networks_of_one_name_are_scored_once(bench201):
    """The first of them stands for all, and is scored itself, whatever the mask says of its name."""
    asked = []

    class Asked(Stateless):
        def score(self, draw):
            asked.append(draw.arch)
            return Score(torch.tensor(float(len(asked))))

    first, second = (3, 1, 0, 2, 4, 1), (1, 3, 0, 2, 1, 4)
    cached = Cached(Asked(), names(bench201))
    values = [float(s.value) for s in cached.scores([Draw(second), Draw(first), Draw((0,) * 6)], in_turn)]
    assert values == [1.0, 1.0, 2.0] and asked == [second, (0,) * 6] and cached.hits == 1
    again = Cached(Asked(), names(bench201))
    again.recall(cached.state_dict())
    assert float(again.score(Draw(first)).value) == 1.0 and len(asked) == 2
