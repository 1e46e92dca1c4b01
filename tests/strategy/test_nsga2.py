"""appnas.strategy.nsga2: objectives and limits in words, who comes first, fronts, limits, failures, the best."""

import math
import random

import pytest
import torch

from appnas.strategy import NSGA2, Random, Score
from appnas.strategy.nsga2 import Limit, Member, Objective, ordered
from appnas.support import ExhaustedError, Failure
from appnas.testing import StrategySuite, round_trip


def bred(space, seed, **more):
    settings = {"objectives": ["value:max", "true:min"], "population": 4} | more
    return NSGA2(space, random.Random(seed), **settings)


@pytest.mark.parametrize("make", [bred, lambda space, seed: bred(space, seed, limits=["true<=0.5"], distinct=True)])
class TestOnCells(StrategySuite):
    @pytest.fixture
    def space(self, cells):
        return cells


@pytest.mark.parametrize("make", [bred])
class TestOnVectors(StrategySuite):
    @pytest.fixture
    def space(self, chain):
        return chain


def test_objectives_and_limits_in_words():
    assert Objective.of("latency_ms:min") == ("latency_ms", -1) and Objective.of("value:max") == ("value", 1)
    assert Limit.of("latency_ms<=20") == ("latency_ms", 20.0, -1) and Limit.of(" value >= -1.5") == ("value", -1.5, 1)
    for wrong in ("macs", "macs:", ":min", "macs:less"):
        with pytest.raises(ValueError, match=r"NAME:max or NAME:min.*got"):
            Objective.of(wrong)
    for wrong in ("macs", "macs<5", "macs<=", "<=5", "macs<=few", "macs<=nan"):
        with pytest.raises(ValueError, match=r"NAME<=NUMBER or NAME>=NUMBER.*got"):
            Limit.of(wrong)


def test_how_far_beyond_a_limit():
    """In parts of the bound."""
    assert Limit.of("ms<=20").beyond({"ms": 25.0}) == 0.25 and Limit.of("ms<=20").beyond({"ms": 20.0}) == 0
    assert Limit.of("value>=80").beyond({"value": 60.0}) == 0.25 and Limit.of("value>=80").beyond({"value": 81.0}) == 0
    assert Limit.of("value>=0").beyond({"value": -3.0}) == 3 and math.isnan(Limit.of("ms<=20").beyond({}))


def member(name, *goals, beyond=0.0):
    return Member((name,), goals, beyond, goals[0])


def test_who_comes_first():
    """The front, its ends before its middle, the roomiest first; the next front; then by how far beyond the limits."""
    ends = [member(0, 0.0, 10.0), member(1, 10.0, 0.0)]
    middle = [member(2, 1.0, 6.0), member(3, 4.0, 5.0)]  # 0.9 and 1.5 of room
    members = [
        member(7, 9.0, 9.0, beyond=2.0), member(5, 0.5, 0.5), *middle, *ends, member(6, 99.0, 99.0, beyond=0.5),
        member(8, math.nan, 1.0, beyond=math.inf),
    ]  # fmt: skip
    assert [m.arch[0] for m in ordered(members)] == [0, 1, 3, 2, 5, 6, 7, 8]


def scored(arch, ms=None, failure=None, value=None):
    """Value: the convolutions of a cell; ms: 10 for each of 3x3, 6 for each of 1x1."""
    ms = 10.0 * arch.count(3) + 6.0 * arch.count(2) if ms is None else ms
    value = float(sum(k in (2, 3) for k in arch)) if value is None else value
    return Score(torch.tensor(value), {"ms": ms}, failure)


def run(strategy, count, score=scored):
    asked = []
    for _ in range(count):
        draw = strategy.ask()
        strategy.tell(draw, score(draw.arch))
        asked.append(draw.arch)
    return asked


def test_generations(bench201):
    """Random ones first; then parents are the best of all so far, in order; nothing is asked twice."""
    strategy = bred(bench201, 0, objectives=["value:max", "ms:min"], population=10)
    first = run(strategy, 10)
    assert [m.arch for m in strategy.population] == [m.arch for m in ordered(strategy.told)] and not strategy.children
    parents = {m.arch for m in strategy.population}
    second = run(strategy, 10)
    assert parents == {*first} and [m.arch for m in strategy.population] == [
        m.arch for m in ordered(strategy.told)[:10]
    ]
    assert len({*first, *second, *run(strategy, 280)}) == 300


def test_it_finds_more_of_the_front_than_random_search(bench201):
    """0 to 6 convolutions, all of them 1x1, is the front: ms beyond it, summed over the seven points."""
    more = []
    for strategy in (
        bred(bench201, 0, objectives=["value:max", "ms:min"], population=20),
        Random(bench201, random.Random(0)),
    ):
        told = [scored(arch) for arch in run(strategy, 400)]
        best = [min((s.metrics["ms"] for s in told if s.value >= n), default=60.0) for n in range(7)]
        more.append(sum(best) - 6.0 * sum(range(7)))
    assert more[0] < more[1] / 3


def test_the_best_is_the_largest_value_within_the_limits(bench201):
    strategy = bred(bench201, 0, objectives=["value:max", "ms:min"], limits=["ms<=20"], population=10)
    with pytest.raises(ValueError, match="no score was told yet"):
        strategy.best()
    run(strategy, 200)
    best = scored(strategy.best())
    assert (float(best.value), best.metrics["ms"]) == (3.0, 18.0)
    assert all(-m.goals[1] <= 20 for m in strategy.front()) and len(strategy.front()) == 4
    late = [m.beyond for m in strategy.told]
    assert sum(x > 0 for x in late[:50]) > sum(x > 0 for x in late[-50:])


def test_while_nothing_is_within_the_limits(bench201):
    """It is what violates them least, and the search goes there; no front yet."""
    strategy = bred(bench201, 0, objectives=["value:max", "ms:min"], limits=["ms<=-1"], population=10)
    run(strategy, 150)
    assert strategy.front() == [] and scored(strategy.best()).metrics["ms"] == 0.0


def test_a_reward_is_undone(bench201):
    """The objective `value` is what was validated, where the score's own value is a reward made of it."""
    strategy = bred(bench201, 0, objectives=["value:max", "ms:min"])
    draw = strategy.ask()
    strategy.tell(draw, Score(torch.tensor(-math.inf), {"value": 7.0, "ms": 3.0}))
    assert strategy.front() == [Member(draw.arch, (7.0, -3.0), 0, 7.0)]


def test_failures_and_holes_come_last(bench201):
    """Whatever value guessing has; NaN never ends it, and all may fail."""
    strategy = bred(bench201, 0, objectives=["value:max", "ms:min"], population=6)
    rng = random.Random(0)
    bad = [
        lambda arch: scored(arch, failure=Failure("E", "no", ""), value=99.0), lambda arch: scored(arch, ms=math.nan),
        lambda arch: Score(torch.tensor(99.0), {}), lambda arch: scored(arch, value=math.nan),
        lambda arch: scored(arch, value=math.inf),
    ]  # fmt: skip
    run(strategy, 100, lambda arch: rng.choice(bad)(arch) if arch[0] < 2 else scored(arch))
    assert all(m.arch[0] >= 2 for m in [*strategy.population, *strategy.front()]) and strategy.best()[0] >= 2
    lost = bred(bench201, 0, objectives=["value:max", "ms:min"], population=6)
    run(lost, 20, bad[3])
    assert bench201.valid(lost.best()) and lost.front() == []


def test_an_end(chain):
    strategy = bred(chain, 0, objectives=["value:max"])
    assert len({*run(strategy, 25)}) == 25
    with pytest.raises(ExhaustedError, match="all of its 25"):
        strategy.ask()


def test_networks_once_where_the_space_can_tell(bench201):
    more = {"objectives": ["value:max", "ms:min"], "distinct": True}
    assert len({bench201.canonical(arch) for arch in run(bred(bench201, 0, **more), 100)}) == 100


def test_the_state_in_the_middle_of_a_generation(bench201):
    one, other = (bred(bench201, seed, objectives=["value:max", "ms:min"]) for seed in (0, 1))
    run(one, 11)
    one.ask()
    other.load_state_dict(round_trip(one.state_dict()))
    assert run(one, 20) == run(other, 20) and one.front() == other.front()


def test_what_makes_no_search(bench201):
    for wrong in ({"population": 1}, {"objectives": []}, {"objectives": ["value:max", "value:min"]}):
        with pytest.raises(ValueError, match="a population of 2 or more, and objectives that differ"):
            bred(bench201, 0, **wrong)
