"""appnas.strategy.local_search: climbs by hand, restarts, rules that forbid single changes, many draws at a time."""

import itertools
import random
from dataclasses import dataclass

import pytest
import torch

from appnas import Choice, Listed
from appnas.space import neighbours
from appnas.spaces import Bench201, Cells
from appnas.spaces.images import bench201
from appnas.strategy import LocalSearch, Score
from appnas.support import ExhaustedError
from appnas.testing import StrategySuite, judge, planted, round_trip


def climber(space, seed, **more):
    return LocalSearch(space, random.Random(seed), **more)


@pytest.mark.parametrize("make", [climber, lambda space, seed: climber(space, seed, init=3, distinct=True)])
class TestOnCells(StrategySuite):
    @pytest.fixture
    def space(self, cells: Cells) -> Cells:
        return cells


@pytest.mark.parametrize("make", [climber])
class TestOnTheTablesSpace(StrategySuite):
    @pytest.fixture
    def space(self):
        return Bench201()


def run(strategy, worth, count):
    """Ask and tell in turn; what was asked."""
    asked = []
    for _ in range(count):
        draw = strategy.ask()
        strategy.tell(draw, Score(torch.tensor(float(worth(draw.arch)))))
        asked.append(draw.arch)
    return asked


def differ(a, b):
    return sum(x != y for x, y in zip(a, b, strict=True))


def test_a_climb_by_hand(bench201):
    """Every step is a neighbour of the best so far of the climb; the sum of the indices is climbed in one go."""
    strategy = climber(bench201, 0, start=[(0,) * 6])
    asked, here = [], (0,) * 6
    while here != (4,) * 6:
        (arch,) = run(strategy, sum, 1)
        assert not asked or differ(arch, here) == 1
        here = arch if sum(arch) > sum(here) else here
        asked.append(arch)
    assert asked[0] == (0,) * 6 and len(asked) == len(set(asked)) < 100


def test_what_is_asked_where_no_neighbour_is_better(bench201):
    """All 24 neighbours of the top, then `init` random ones, of which the best is where it climbs next."""
    top = (4,) * 6
    strategy = climber(bench201, 0, init=3, start=[top])
    asked = run(strategy, sum, 29)
    assert asked[0] == top and {*asked[1:25]} == {*neighbours(bench201, top)}
    assert all(differ(arch, top) > 1 for arch in asked[25:28])
    best = max(asked[25:28], key=sum)
    assert differ(asked[28], best) == 1 and sum(strategy.here[0]) >= sum(best)


def test_nothing_twice_and_an_end(chain):
    strategy = climber(chain, 0)
    assert len({*run(strategy, sum, 25)}) == 25
    with pytest.raises(ExhaustedError, match="all of its 25 architectures were proposed"):
        strategy.ask()


def test_networks_once_where_the_space_can_tell(bench201):
    """Cells that are the same network are one with `distinct`, and are asked one by one without."""
    name = bench201.canonical
    archs = run(climber(bench201, 0, distinct=True), sum, 300)
    assert len({name(arch) for arch in archs}) == 300
    plain = run(climber(bench201, 0), sum, 300)
    assert len({*plain}) == 300 > len({name(arch) for arch in plain})


def test_rules_that_forbid_single_changes(cells):
    """No single change of a DARTS cell moves an edge: mutants do, after the neighbours, so that a climb moves them."""
    first = [0] * 28
    for cell in (0, 14):
        for edges in (0, 2, 5, 9):
            first[cell + edges] = first[cell + edges + 1] = 4
    near = {*neighbours(cells, tuple(first))}
    strategy = climber(cells, 0, start=[tuple(first)])
    asked = run(strategy, lambda arch: 0.0, len(near) + 40)
    assert {*asked[1 : len(near) + 1]} == near
    moved = asked[len(near) + 1 :]
    assert all(sum((a == 0) != (b == 0) for a, b in zip(arch, first, strict=True)) == 2 for arch in moved)


@dataclass(frozen=True)
class Wide:
    """2^300 architectures, of 300 neighbours each."""

    mask = None
    choices = (Choice("bit", ("0", "1"), 300),)

    def valid(self, arch):
        return True

    def neighbours(self, arch):
        for d in range(300):
            self.listed.append(d)
            yield (*arch[:d], 1 - arch[d], *arch[d + 1 :])

    listed = []  # noqa: RUF012


def test_a_huge_neighbourhood_is_drawn(monkeypatch):
    """No more of it is listed than there is room for; half of all changes are better."""
    monkeypatch.setattr("appnas.strategy.local_search.LISTED", 50)
    strategy = climber(Wide(), 0, start=[(0,) * 300])
    Wide.listed.clear()
    asked = run(strategy, sum, 61)
    assert len({*asked}) == 61 and 40 < sum(asked[-1]), "of the bits of the first architecture nearly all are 0"
    assert all(differ(a, b) <= 2 for a, b in itertools.pairwise(asked))
    assert len(Wide.listed) == 51 * len({sum(a) for a in asked[:-1]})


def test_it_starts_where_it_is_told_to(bench201):
    given = [(1, 2, 3, 4, 0, 1), (3, 3, 3, 3, 3, 3), (2, 2, 2, 2, 2, 2)]
    strategy = climber(bench201, 0, start=given)
    asked = run(strategy, sum, 4)
    assert asked[:3] == given and differ(asked[3], given[1]) == 1
    with pytest.raises(ValueError, match="6 decisions"):
        climber(bench201, 0, start=[(1, 2)])
    with pytest.raises(ValueError, match="init=0"):
        climber(bench201, 0, init=0)


def test_nan_is_never_where_it_stands(bench201):
    strategy = climber(bench201, 0)
    draws = [strategy.ask() for _ in range(3)]
    for draw, value in zip(draws, (float("nan"), 1.0, float("nan")), strict=True):
        strategy.tell(draw, Score(torch.tensor(value)))
    assert strategy.here == (draws[1].arch, 1.0) and strategy.best() == draws[1].arch


def test_what_is_told_late_continues_a_climb_only_if_it_is_better(bench201):
    """Eight draws at a time: a neighbour of an optimum that is told after the next climb began is no place to begin."""
    top = (4,) * 6
    strategy = climber(bench201, 0, start=[top])
    run(strategy, sum, 17)
    waiting = [strategy.ask() for _ in range(10)]  # the last eight neighbours, and two random ones
    fresh = [draw for draw in waiting if differ(draw.arch, top) > 1]
    assert len(fresh) == 2 and len(strategy.late) == 8
    for draw in waiting[:8]:
        strategy.tell(draw, Score(torch.tensor(float(sum(draw.arch)))))
    assert strategy.here is None and strategy.late == []
    again = climber(bench201, 0, start=[top])
    run(again, sum, 17)
    waiting = [again.ask() for _ in range(10)]
    again.tell(waiting[0], Score(torch.tensor(99.0)))
    assert again.here == (waiting[0].arch, 99.0) and differ(again.ask().arch, waiting[0].arch) == 1


def test_the_state_holds_the_queue(bench201):
    strategy = climber(bench201, 0, init=2)
    run(strategy, sum, 7)
    strategy.ask()
    other = climber(bench201, 5, init=2)
    other.load_state_dict(round_trip(strategy.state_dict()))
    assert run(strategy, sum, 60) == run(other, sum, 60)


def test_it_climbs_higher_than_random_search(bench201):
    oracle = planted(bench201)
    random_best = sum(sorted(oracle.of(a) for a in itertools.product(range(5), repeat=6))[-80:]) / 80
    found = judge(lambda seed: climber(bench201, seed), oracle, 200)
    assert sum(found) / 3 > random_best


def test_a_list_of_architectures():
    """Where nothing differs in one decision, mutants jump through the list."""
    space = Listed([Choice("a", ("x", "y", "z"), 3)], [(0, 0, 0), (1, 1, 1), (2, 2, 2)])
    assert {*run(climber(space, 0), sum, 3)} == {(0, 0, 0), (1, 1, 1), (2, 2, 2)}


def test_on_the_table(data):
    """Within 150 looks it finds a cell among the best 20 of NAS-Bench-201's 15,625, on average over 5 seeds."""
    archs, columns = bench201.load("cifar10", data / "nasbench201")
    worth = dict(zip(archs, columns["test200"], strict=True))
    cut = sorted(worth.values())[-20]
    found = []
    for seed in range(5):
        strategy = climber(Bench201(), seed, init=10, distinct=True)
        found.append(max(worth[arch] for arch in run(strategy, worth.__getitem__, 150)))
    assert sum(found) / 5 >= cut
