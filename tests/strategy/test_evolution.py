"""appnas.strategy.evolution: who dies and who breeds, what a generation is made of, nothing twice."""

import random
from collections import Counter

import pytest
import torch

from appnas.space import decisions, random_arch
from appnas.spaces import Bench201, Cells
from appnas.spaces.images import bench201
from appnas.strategy import Draw, Evolution, Generations, Random, Score
from appnas.support import ExhaustedError
from appnas.testing import StrategySuite, judge, planted, round_trip, tabulated


def evolution(space, seed, **more):
    return Evolution(space, random.Random(seed), **({"population": 6, "sample": 3} | more))


def uniform(space, seed):
    return Random(space, random.Random(seed))


def score(value):
    return Score(torch.tensor(value))


@pytest.mark.parametrize("make", [evolution])
class TestOnCells(StrategySuite):
    @pytest.fixture
    def space(self, cells: Cells) -> Cells:
        return cells


@pytest.mark.parametrize("make", [evolution])
class TestOnVectors(StrategySuite):
    @pytest.fixture
    def space(self, chain):
        return chain


class TestGenerations(StrategySuite):
    """Three generations within the suite's thirteen steps."""

    @pytest.fixture
    def space(self, chain):
        return chain

    @pytest.fixture
    def make(self):
        return lambda space, seed: Generations(space, random.Random(seed), 5, 2, 2, 2)


def generation(strategy, value, count=0):
    draws = [strategy.ask() for _ in range(count or strategy.population)]
    for draw in draws:
        strategy.tell(draw, Score(torch.tensor(value(draw.arch))))
    return [draw.arch for draw in draws]


def test_children_come_from_the_best_ever(bench201):
    strategy = Generations(bench201, random.Random(0), 20, 4, 8, 8, rate=0.0)
    worth = lambda arch: float(sum(arch))  # noqa: E731
    first = generation(strategy, worth)
    parents = sorted(first, key=worth, reverse=True)[:4]
    assert strategy.archive.top() == parents
    second = generation(strategy, worth)
    for child in second[:8]:
        assert min(sum(a != b for a, b in zip(child, parent, strict=True)) for parent in parents) == 1
    for child in second[8:16]:
        assert all(gene in {parent[d] for parent in parents} for d, gene in enumerate(child))
    assert len({*first, *second}) == 40


def test_a_mutant_changes_its_share_of_decisions(bench201):
    strategy = Generations(bench201, random.Random(0), 200, 2, 200, 0, rate=0.5, tries=1)
    generation(strategy, lambda arch: float(arch == (0,) * 6))
    parents = strategy.archive.top()
    changes = [min(sum(a != b for a, b in zip(c, p, strict=True)) for p in parents) for c in generation(strategy, len)]
    assert 1.5 < sum(changes) / 200 < 3.2 and len(decisions(bench201.choices)) == 6


def test_it_beats_random_and_a_small_space_is_no_trap(bench201, chain):
    oracle = planted(bench201)
    found = judge(lambda seed: Generations(bench201, random.Random(seed), 20, 5, 8, 8), oracle, 400)
    assert min(found) > 0.9
    strategy = Generations(chain, random.Random(0), 30, 5, 10, 10)
    seen = []
    with pytest.raises(ExhaustedError, match="all of its 25 architectures were proposed"):
        while len(seen) < 1000:
            seen += generation(strategy, lambda arch: 1.0, 1)
    assert len(set(seen)) == 25 and len(seen) < 100


@pytest.mark.parametrize("sizes", [(5, 2, 3, 3), (5, 1, 2, 2)])
def test_sizes_that_cannot_be(chain, sizes):
    with pytest.raises(ValueError, match="population"):
        Generations(chain, random.Random(0), *sizes)


def test_evolution_draws_at_random_until_its_population_is_full(bench201: Bench201):
    strategy, rng = evolution(bench201, 5), random.Random(5)
    for _ in range(6):
        draw = strategy.ask()
        assert draw.arch == random_arch(bench201, rng)
        strategy.tell(draw, score(0.0))
    child = strategy.ask().arch
    assert min(sum(a != b for a, b in zip(child, parent, strict=True)) for parent, _ in strategy.population) == 1


def test_evolution_lets_the_oldest_die_and_the_fittest_breed(bench201: Bench201):
    """The first member is the best of all: while it lives every child is its, and it dies of age all the same."""
    strategy = evolution(bench201, 0, population=3, sample=3, change=lambda space, parent, rng: parent)
    archs = [(0, 0, 0, 0, 0, index) for index in range(5)]
    for arch, value in zip(archs[:3], (9.0, 1.0, 2.0), strict=True):
        strategy.ask()
        strategy.tell(Draw(arch), score(value))
    parents = Counter(strategy.ask().arch for _ in range(200))
    assert parents.keys() <= set(archs[:3])
    # it wins unless it is missing from a tournament of 3 drawn with replacement: (2/3)^3 = 0.30 of the time
    assert 0.60 < parents[archs[0]] / 200 < 0.80
    strategy.tell(Draw(archs[3]), score(3.0))
    assert [arch for arch, _ in strategy.population] == archs[1:4]
    assert strategy.best() == archs[0]


@pytest.mark.parametrize(("population", "sample"), [(0, 0), (3, 4), (3, 0)])
def test_evolution_refuses_impossible_sizes(bench201: Bench201, population: int, sample: int):
    with pytest.raises(ValueError, match=f"sample={sample}, population={population}"):
        evolution(bench201, 0, population=population, sample=sample)


def test_evolution_finds_the_planted_optimum_and_random_search_does_not():
    """15,625 architectures, 300 scores, 3 seeds."""
    space = Bench201()
    oracle = planted(space)
    bred = judge(lambda seed: evolution(space, seed, population=20, sample=5), oracle, 300)
    drawn = judge(lambda seed: uniform(space, seed), oracle, 300)
    assert bred == pytest.approx([1.0] * 3)
    assert max(drawn) < 0.9


def test_evolution_beats_random_search_where_rules_bind():
    """DARTS cells: 28 decisions, 2 edges into every node."""
    space = Cells()
    oracle = planted(space)
    bred = judge(lambda seed: evolution(space, seed, population=20, sample=5), oracle, 300)
    drawn = judge(lambda seed: uniform(space, seed), oracle, 300)
    assert min(bred) > max(drawn) + 0.05


def test_on_nas_bench_201(data):
    """True accuracies: evolution ends within 0.2 points of the optimum, 91.61 %."""
    archs, columns = bench201.load("cifar10", data / "nasbench201")
    oracle = tabulated(Bench201().choices, archs, columns["valid200"].tolist())
    space = Bench201()
    bred = judge(lambda seed: evolution(space, seed, population=20, sample=5), oracle, 300)
    assert min(bred) > 91.4


def test_evolution_proposes_new_networks_if_told_so():
    """Where the space can tell, and as long as a few draws find one; a state carries on."""
    space = Bench201()
    strategy, plain = (Evolution(space, random.Random(0), 20, 5, distinct=distinct) for distinct in (True, False))
    for each in (strategy, plain):
        each.drawn = []
        for _ in range(200):
            draw = each.ask()
            each.tell(draw, score(float(sum(draw.arch))))
            each.drawn.append(space.canonical(draw.arch))
    assert len(set(strategy.drawn)) == 200 > len(set(plain.drawn)) and not plain.archive.seen
    again = Evolution(space, random.Random(1), 20, 5, distinct=True)
    again.load_state_dict(round_trip(strategy.state_dict()))
    assert [again.ask() for _ in range(5)] == [strategy.ask() for _ in range(5)]


def test_generations_propose_new_networks_if_told_so():
    space, counts = Bench201(), []
    for distinct in (True, False):
        strategy, drawn = Generations(space, random.Random(0), 20, 5, 10, 10, distinct=distinct), set()
        for _ in range(100):
            draw = strategy.ask()
            strategy.tell(draw, score(float(sum(draw.arch))))
            drawn.add(space.canonical(draw.arch))
        counts.append(len(drawn))
    assert counts[0] >= 98 and counts[0] > counts[1]
