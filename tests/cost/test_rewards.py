"""appnas.cost.rewards: numbers by hand, and the Pareto front with ties."""

from __future__ import annotations

import math
import random
import time

import numpy as np
import pytest

from appnas.cost import (
    constrained,
    crowding,
    dominates,
    fronts,
    linear,
    metric,
    pareto_front,
    weighted_product,
)  # fmt: skip
from appnas.cost.rewards import exponent


def test_weighted_product_by_hand():
    assert weighted_product(75.0, 80.0, 80.0) == 75.0
    assert weighted_product(75.0, 160.0, 80.0) == pytest.approx(75 * 2**-0.07)  # 71.45: doubling costs 5 %
    assert weighted_product(75.0, 40.0, 80.0) == pytest.approx(75 * 2**0.07)
    assert weighted_product(75.0, 40.0, 80.0, below=0.0, above=-1.0) == 75.0
    assert weighted_product(75.0, 160.0, 80.0, below=0.0, above=-1.0) == pytest.approx(37.5)


def test_a_negative_value_is_not_bought_by_cost():
    """A return of -1: the cheaper network has the larger reward, at any exponent."""
    for below, above in ((-0.07, -0.07), (0.0, -1.0)):
        rewards = [weighted_product(-1.0, cost, 80.0, below, above) for cost in (40.0, 160.0, 320.0)]
        assert rewards == sorted(rewards, reverse=True) and rewards[1] > rewards[2]
    assert weighted_product(-1.0, 160.0, 80.0, 0.0, -1.0) == -2.0


def test_the_exponent_of_the_paper():
    """5 % for double the cost."""
    assert exponent(0.05) == pytest.approx(-0.0704, abs=5e-5)
    assert 1.05 * 2 ** exponent(0.05) == pytest.approx(1.0)


def test_metric():
    assert metric({"a": 1.0}, "a") == 1.0
    with pytest.raises(ValueError, match=r"the scores have the metrics \['a'\], got 'b'"):
        metric({"a": 1.0}, "b")


def test_linear_and_constrained():
    assert linear(0.9, 0.5, alpha=0.75) == pytest.approx(0.75 * 0.9 - 0.25 * 0.5)
    assert constrained(0.9, 10, limit=11) == 0.9
    assert constrained(0.9, 11, limit=11) == 0.0
    assert constrained(0.9, 12, limit=11, otherwise=-1.0) == -1.0


def test_dominates():
    assert dominates((1, 2), (1, 1))
    assert not dominates((1, 2), (1, 2))
    assert not dominates((1, 2), (2, 1))
    with pytest.raises(ValueError):
        dominates((1, 2), (1, 2, 3))


def test_pareto_front_with_ties():
    points = [(1, 1), (3, 0), (0, 3), (3, 0), (2, 2), (2, 1), (0, 3), (-1, 3)]
    assert pareto_front(points) == [1, 2, 4]
    assert pareto_front([]) == []
    assert pareto_front([(1, 1)] * 3) == [0]
    assert pareto_front([(1.0,), (2.0,), (2.0,)]) == [1]


def test_pareto_front_ignores_nan():
    assert pareto_front([(float("nan"), 5), (1, 1)]) == [1]
    assert pareto_front([(float("inf"), 0), (1, 1)]) == [0, 1]


def test_pareto_front_leaves_nothing_better_out():
    rng = random.Random(0)
    points = [(rng.randrange(8), rng.randrange(8), rng.randrange(8)) for _ in range(100)]
    front = pareto_front(points)
    for point in points:
        held = any(points[j] == point for j in front)
        assert held != any(dominates(points[j], point) for j in front)
    assert len({points[j] for j in front}) == len(front)


def plain_front(points):
    """The definition, pair by pair."""
    front = []
    for i, point in enumerate(points):
        beaten = any(x != x for x in point) or any(dominates(other, point) for other in points)
        if not beaten and not any(point == points[j] for j in front):
            front.append(i)
    return front


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_pareto_front_is_the_definition_with_ties_nan_and_infinity(objectives):
    rng = random.Random(objectives)
    numbers = [0.0, -0.0, 1.0, 2.0, 2.0, 3.0, 0.5, math.inf, -math.inf, math.nan]
    for count in [*range(20)] * 15:
        points = [tuple(rng.choice(numbers) for _ in range(objectives)) for _ in range(count)]
        assert pareto_front(points) == plain_front(points), points
        assert pareto_front(np.reshape(points, (count, objectives))) == plain_front(points)


def test_pareto_front_of_a_million():
    """All on the front, and many equal ones: pair by pair this takes days."""
    start, line = time.process_time(), np.arange(1e6)
    assert pareto_front(np.stack([line, -line], 1)) == list(range(10**6))
    corner = np.random.default_rng(0).integers(0, 30, (10**6, 3))
    (first,) = pareto_front(corner)
    assert corner[first].tolist() == [29, 29, 29] and not (corner[:first] == 29).all(1).any()
    assert time.process_time() - start < 10


def test_pareto_front_wants_one_number_of_objectives():
    with pytest.raises(ValueError):
        pareto_front([(1, 2), (1, 2, 3)])


def plain_ranks(points, violations):
    """By the definition: what nothing else that is left beats, again and again."""

    def beats(i, j):
        if violations[i] != violations[j]:
            return violations[i] < violations[j]
        return violations[i] == 0 and dominates(points[i], points[j])

    left, ranks, rank = set(range(len(points))), [0] * len(points), 0
    while left:
        best = {j for j in left if not any(beats(i, j) for i in left)}
        for j in best:
            ranks[j] = rank
        left, rank = left - best, rank + 1
    return ranks


@pytest.mark.parametrize("objectives", [1, 2, 3])
def test_fronts_are_the_definition(objectives):
    rng = random.Random(objectives)
    for count in [*range(18)] * 5:
        points = [tuple(float(rng.randrange(4)) for _ in range(objectives)) for _ in range(count)]
        violations = [rng.choice([0.0, 0.0, 0.0, 0.5, 2.0, math.inf]) for _ in range(count)]
        assert fronts(points, violations).tolist() == plain_ranks(points, violations)
        assert fronts(points).tolist() == plain_ranks(points, [0.0] * count)


def test_fronts_by_hand():
    points = [(1, 1), (2, 2), (0, 3), (2, 2), (math.nan, 9), (9, 9)]
    assert fronts(points).tolist() == [2, 1, 1, 1, 3, 0]
    assert fronts(points, [0, 0, 0, 0, 0, 0.1]).tolist() == [1, 0, 0, 0, 3, 2], "beyond a limit, though beaten by none"
    assert fronts([]).tolist() == []
    with pytest.raises(ValueError, match="2 points, got 1"):
        fronts([(1,), (2,)], [0.0])


def test_fronts_of_ten_thousand():
    """A population of 10,000 and its children, in less than pair by pair takes."""
    rng, start = np.random.default_rng(0), time.process_time()
    points = rng.random((20_000, 2))
    ranks = fronts(points)
    assert time.process_time() - start < 10
    assert np.flatnonzero(ranks == 0).tolist() == pareto_front(points)


def test_crowding_by_hand():
    """The ends are kept; between them, the sides of the box between the neighbours, in parts of the ranges."""
    found = crowding([(0.0, 10.0), (1.0, 6.0), (4.0, 5.0), (10.0, 0.0)])
    assert found.tolist() == pytest.approx([math.inf, 0.4 + 0.5, 0.9 + 0.6, math.inf])
    assert crowding([]).tolist() == [] and crowding([(1.0, 2.0)]).tolist() == [math.inf]
    assert crowding([(1.0, 1.0)] * 4).tolist() == [math.inf, 0, 0, math.inf]
