"""appnas.strategy.evolution: what a generation is made of, nothing twice, and the suite of strategies."""

import random

import pytest
import torch

from appnas.space import decisions
from appnas.strategy import Generations, Score
from appnas.support import ExhaustedError
from appnas.testing import StrategySuite, judge, planted


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
