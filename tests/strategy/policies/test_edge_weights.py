"""edge_weights: the suite on both kinds of space; the rule by hand; what is drawn; it finds a planted optimum."""

import math
import random
from statistics import fmean

import pytest
import torch

from appnas.spaces import Bench201, GuideDag
from appnas.strategy import Draw, EdgeWeights, Random, Score
from appnas.testing import StrategySuite, planted

GUIDE = GuideDag(width=2, strides=(1,), branches=1, vertices=("conv", "wide", "mix"))


class TestOnEdges(StrategySuite):
    @pytest.fixture
    def space(self):
        return GUIDE

    @pytest.fixture
    def make(self):
        return lambda space, seed: EdgeWeights(space, random.Random(seed))


class TestOfTheNotes(TestOnEdges):
    @pytest.fixture
    def make(self):
        return lambda space, seed: EdgeWeights(space, random.Random(seed), 1.0, rule="notes")


class TestOnOptions(TestOnEdges):
    @pytest.fixture
    def space(self):
        return Bench201()


def told(strategy, arch, value):
    strategy.tell(Draw(arch), Score(torch.tensor(float(value))))


def notes(seed=0, **more):
    return EdgeWeights(GUIDE, random.Random(seed), rule="notes", **more)


def test_the_rule_by_hand():
    """Edges 01 02 12 03 13 23; b and s with momentum 0.5."""
    strategy = EdgeWeights(GUIDE, random.Random(0), rate=0.5, clip=10, momentum=0.5)
    told(strategy, (1, 0, 0, 0, 0, 0), 2.0)
    assert strategy.weights == [[1.0, 1.0]] * 6  # the first mu is b
    told(strategy, (1, 0, 1, 0, 0, 0), 0.0)  # b = 1 and s = 1: one deviation below; vertex 2 leads nowhere
    fallen = math.exp(-0.5)
    assert strategy.weights == [[1, fallen], [fallen, 1], [1, fallen], [fallen, 1], [fallen, 1], [1, 1]]
    told(strategy, (0, 1, 0, 0, 1, 1), 7.0)  # b = 4 and s^2 = (1 + 9) / 2; nothing reaches vertex 1
    risen = math.exp(0.5 * 3 / math.sqrt(5))
    expected = [[risen, fallen], [fallen, risen], [1, fallen], [fallen * risen, 1], [fallen, 1], [1, risen]]
    assert [x for row in strategy.weights for x in row] == pytest.approx([x for row in expected for x in row])


def test_every_edge_is_drawn_by_itself():
    """So a graph may have nearly all edges, or hardly any."""
    strategy = EdgeWeights(GUIDE, random.Random(0))
    strategy.weights[1] = [1.0, 3.0]
    assert [row[1] for row in strategy.probabilities()] == [0.5, 0.75, 0.5, 0.5, 0.5, 0.5]
    counts = [sum(strategy.ask().arch[e] for _ in range(2000)) / 2000 for e in (0, 1)]
    assert counts == pytest.approx([0.5, 0.75], abs=0.05)
    for edge, least, most in ((64.0, 5.9, 6), (1 / 64, 0, 0.2)):
        strategy.weights = [[1.0, edge]] * 6
        assert least <= fmean(sum(strategy.ask().arch) for _ in range(200)) <= most


def test_weights_are_bounded():
    strategy = EdgeWeights(GUIDE, random.Random(0), rate=100.0, clip=3.0)
    for value in range(8):
        told(strategy, (1,) * 6, value)
    assert strategy.weights == [[1.0, 64.0]] * 6


def test_the_rule_of_the_notes_by_hand():
    """The second score is 1 below the mean of both, so it multiplies by e^(-alpha)."""
    strategy = notes(rate=0.5, clip=10)
    told(strategy, (1, 0, 0, 0, 0, 0), 2.0)
    assert [row[1] for row in strategy.weights] == [1.0] * 6  # mu is beta
    told(strategy, (1, 0, 1, 0, 0, 0), 0.0)
    fallen = math.exp(-0.5)
    assert [row[1] for row in strategy.weights] == pytest.approx([fallen, 1, fallen, 1, 1, 1])
    told(strategy, (0, 1, 0, 0, 1, 1), 7.0)  # mean of 7, 2, 0 is 3; edge 13 leaves a vertex that nothing reaches
    risen = math.exp(0.5 * 4)
    assert [row[1] for row in strategy.weights] == pytest.approx([fallen, risen, fallen, 1, 1, risen])
    assert all(row[0] == 1 for row in strategy.weights)


def test_shares_of_edges_that_leave_one_vertex():
    strategy = notes()
    strategy.weights[1][1] = 1 + math.log(2)  # twice the share of the others from the pseudo vertex
    taken = [row[1] for row in strategy.probabilities()]
    assert taken == pytest.approx([0.25, 0.5, 0.5, 0.25, 0.5, 1.0])  # 01 02 12 03 13 23
    counts = [sum(strategy.ask().arch[e] for _ in range(2000)) / 2000 for e in (0, 1)]
    assert counts == pytest.approx([0.25, 0.5], abs=0.05)


def test_a_value_that_is_not_finite_says_nothing():
    strategy = EdgeWeights(GUIDE, random.Random(0))
    told(strategy, (1,) * 6, math.nan)
    assert strategy.advantage.average is None and strategy.weights == [[1.0, 1.0]] * 6


def test_beta_is_the_mean_of_the_best_five_and_steps_are_bounded():
    strategy = notes(rate=100.0, clip=0.5)
    for value in range(8):
        told(strategy, (1, 0, 0, 0, 0, 0), value)
    assert strategy.best_values == [7, 6, 5, 4, 3]
    before = strategy.weights[0][1]
    told(strategy, (1, 0, 0, 0, 0, 0), 0)
    assert strategy.weights[0][1] == pytest.approx(before * math.exp(-0.5))


def test_it_finds_more_than_random_search():
    """A planted optimum of 6^5 options: mean of the best of 150 over ten seeds."""
    space = Bench201()
    oracle = planted(space)

    def best(strategy):
        for _ in range(150):
            draw = strategy.ask()
            strategy.tell(draw, oracle.score(draw))
        return oracle.of(strategy.best())

    weighted = [best(EdgeWeights(space, random.Random(seed))) for seed in range(10)]
    assert fmean(weighted) > fmean([best(Random(space, random.Random(seed))) for seed in range(10)])
