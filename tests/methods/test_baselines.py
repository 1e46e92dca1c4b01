import random

import pytest

from appnas import Table
from appnas.methods import baselines
from appnas.space import random_arch
from appnas.spaces.images import bench201 as table_space
from appnas.testing import MethodSuite, planted


class TestRandom(MethodSuite):
    method = "random"
    settings = {"evaluations": 6, "budget": 1}  # noqa: RUF012


class TestEvolution(TestRandom):
    method = "evolution"
    settings = {"evaluations": 8, "budget": 1, "population": 3, "sample": 2}  # noqa: RUF012


class TestEvolutionOnAnOracle(MethodSuite):
    """No domain, no training: scores come from an evaluator."""

    method = "evolution"
    settings = {"evaluations": 30, "population": 5, "sample": 2}  # noqa: RUF012

    @pytest.fixture
    def space(self, cells):
        return cells

    @pytest.fixture
    def domain(self, cells):
        return planted(cells)


def test_settings_of_the_papers():
    """Real et al., section 3: a population of 100, tournaments of 25."""
    config = baselines.EvolutionConfig()
    assert (config.population, config.sample) == (100, 25)


def test_random_search_draws_what_its_seed_says(bench201):
    result = baselines.random(bench201, planted(bench201), baselines.RandomConfig(5), seed=3)
    rng = random.Random(3)
    assert [record.arch for record in result.history] == [random_arch(bench201, rng) for _ in range(5)]


def test_an_architecture_is_trained_once(chain, regression):
    """25 architectures, 40 draws: what comes again is answered from memory."""
    result = baselines.random(chain, regression, baselines.RandomConfig(40, 1))
    assert result.evaluator.queries == 40
    assert result.evaluator.queries - result.evaluator.hits == len({record.arch for record in result.history}) <= 25
    assert all(record.metrics["parameters"] > 0 for record in result.history)


def test_neither_domain_nor_evaluator(chain):
    with pytest.raises(TypeError, match="Domain"):
        baselines.random(chain, object())


def test_on_the_table(data):
    """Evolution with the benchmark's own settings sees better cells on average than random search does."""
    archs, columns = table_space.load("cifar10", data / "nasbench201")
    table = Table(archs, columns, "valid12", withheld=("test200",))
    space = table_space.Bench201()
    means = []
    for result in (
        baselines.evolution(space, table, baselines.EvolutionConfig(200, 10, 3)),
        baselines.random(space, table, baselines.RandomConfig(200)),
    ):
        assert "test200" not in result.history[0].metrics
        means.append(sum(record.value for record in result.history) / 200)
    assert means[0] > means[1] + 5
