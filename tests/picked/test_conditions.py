"""appnas.picked.conditions: conditions by hand, counts, uniform draws."""

import itertools
import random
from collections import Counter

import pytest

from appnas.picked.conditions import Condition, Conditions, learn

ALWAYS = Condition()
DEPTH = Conditions(
    (ALWAYS, ALWAYS, Condition({0: frozenset({1, 2})}), Condition({0: frozenset({2})})),
    ((0, 1, 2), (0, 1), (0, 1), (0, 1)),
)
"""A depth of 1 to 3, and a kernel for each layer that there is."""


def truth(depth, *kernels):
    return {0: depth, **{1 + i: k for i, k in enumerate(kernels[: depth + 1])}}


def test_learns_a_depth():
    traces = [truth(*a) for a in itertools.product(range(3), range(2), range(2), range(2))]
    assert learn(4, traces) == list(DEPTH.when)
    assert learn(4, random.Random(0).choices(traces, k=24)) == list(DEPTH.when)


def test_learns_what_lies_under_what_may_not_be_there():
    """c exists if b is 1, and b if a is 1."""
    traces = [{0: 0}, {0: 1, 1: 0}, {0: 1, 1: 1, 2: 0}, {0: 1, 1: 1, 2: 1}]
    when = learn(3, traces)
    assert when == [ALWAYS, Condition({0: frozenset({1})}), Condition({1: frozenset({1})})]
    space = Conditions(tuple(when), ((0, 1),) * 3)
    assert space.active((0, 1, 1)) == (True, False, False)
    assert space.active((1, 1, 0)) == (True, True, True)
    assert sorted(space.every()) == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]] and space.count() == 4


def test_needs_several_answers_at_once():
    traces = [{0: a, 1: b, **({2: 0} if a and b else {})} for a in range(2) for b in range(2)]
    assert learn(3, traces) == [ALWAYS, ALWAYS, Condition({0: frozenset({1}), 1: frozenset({1})})]


def test_lies_inside_any_of_several():
    """c exists unless a and b are both 0."""
    traces = [{0: a, 1: b, **({2: 0} if a or b else {})} for a in range(2) for b in range(3)]
    when = learn(3, traces)
    assert when == [ALWAYS, ALWAYS, Condition({0: frozenset({0}), 1: frozenset({0})}, unless=True)]
    space = Conditions(tuple(when), ((0, 1), (0, 1, 2), (0, 1)))
    assert space.count() == 1 + 5 * 2 and not space.active((0, 0, 1))[2] and space.active((0, 2, 1))[2]


def test_what_is_no_such_condition_is_not_learnt():
    """Either, or: no set of answers of each tells."""
    assert learn(3, [{0: a, 1: b, **({2: 0} if a != b else {})} for a in range(2) for b in range(2)]) is None


def test_counts_and_lists():
    assert DEPTH.count() == 2 + 4 + 8
    every = list(DEPTH.every())
    assert len(every) == 14 == len({tuple(a) for a in every})
    assert all(index == 0 for a in every for index, on in zip(a, DEPTH.active(a), strict=True) if not on)


def test_knots_are_counted_one_by_one():
    """40 pairs of an operation and what is picked inside one of its three options: 5 each."""
    when = tuple(Condition({d - 1: frozenset({1})}) if d % 2 else ALWAYS for d in range(80))
    space = Conditions(when, ((0, 1, 2),) * 80)
    assert space.count() == 5**40
    drawn = space.sample(random.Random(0))
    assert len(drawn) == 80 and all(drawn[d] == 0 or drawn[d - 1] == 1 for d in range(1, 80, 2))


def test_draws_are_uniform():
    rng = random.Random(0)
    counts = Counter(tuple(DEPTH.sample(rng)) for _ in range(2800))
    assert len(counts) == 14
    assert sum((n - 200) ** 2 / 200 for n in counts.values()) == pytest.approx(13, abs=5 * 26**0.5)
    assert sum(n for a, n in counts.items() if a[0] == 2) / 2800 == pytest.approx(8 / 14, abs=0.05)


def test_a_knot_too_large_to_be_listed():
    when = (*[ALWAYS] * 20, Condition({d: frozenset({1}) for d in range(20)}))
    space = Conditions(when, ((0, 1),) * 21)
    assert space.tables is None and space.count() is None and space.sample(random.Random(0)) is None
    assert space.active([1] * 21)[-1] and not space.active([0] + [1] * 20)[-1]
