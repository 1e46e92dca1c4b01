"""appnas.methods.monas: three rewards, and what they do to a search."""

import statistics

import pytest

from appnas.estimate import Table
from appnas.methods import monas
from appnas.testing import MethodSuite, planted

TINY = {"evaluations": 7, "budget": 1}


class TestOnVectors(MethodSuite):
    method = "monas"
    settings = {**TINY, "cost": "parameters", "reference": 60.0, "scale": 1.0}  # noqa: RUF012


class TestOnAnOracle(MethodSuite):
    method = "monas"
    settings = {**TINY, "cost": "true", "reference": 0.5, "scale": 1.0, "reward": "cost_limit", "per_update": 2}  # noqa: RUF012

    @pytest.fixture
    def space(self, cells):
        return cells

    @pytest.fixture
    def domain(self, cells):
        return planted(cells)


def test_rewards_by_hand():
    metrics = {"value": 90.0, "macs": 2e7}
    assert monas.Config(alpha=0.75).of(metrics) == pytest.approx(0.75 * 0.9 - 0.25 * 0.2)
    assert monas.Config(reward="cost_limit").of(metrics) == pytest.approx(0.9)
    assert monas.Config(reward="cost_limit", reference=1e7).of(metrics) == 0.0
    assert monas.Config(reward="value_limit").of(metrics) == pytest.approx(0.8)
    assert monas.Config(reward="value_limit", least=0.95).of(metrics) == 0.0
    with pytest.raises(ValueError, match="got 'energy_J'"):
        monas.Config(cost="energy_J").of(metrics)


def test_settings_are_checked():
    for wrong, words in (
        ({"alpha": 1.5}, "at most 1"), ({"reference": 0.0}, "above 0"), ({"reward": "x"}, "is one of"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            monas.Config(**wrong)


@pytest.fixture(scope="module")
def table():
    """All cells: a convolution more costs 10 and is worth 5 % more, the others nothing."""
    archs = [tuple(index // 5**d % 5 for d in range(6)) for index in range(5**6)]
    count = [sum(k in (2, 3) for k in arch) for arch in archs]
    return Table(archs, {"valid": [60.0 + 5 * n for n in count], "cost": [10.0 * n for n in count]}, "valid")


def late(result, name):
    return statistics.fmean(record.metrics[name] for record in result.history[-100:])


def test_the_cost_rises_with_alpha(bench201, table):
    found = [
        late(monas.search(bench201, table, monas.Config(300, alpha=alpha, cost="cost", reference=60.0)), "cost")
        for alpha in (0.0, 1.0)
    ]
    assert found[0] < 10 < 40 < found[1]


def test_feasible_samples_rise_under_a_limit(bench201, table):
    """On average a cell has 2.4 convolutions; at most one is feasible in 23 % of them."""
    config = monas.Config(300, reward="cost_limit", cost="cost", reference=15.0)
    result = monas.search(bench201, table, config)
    share = statistics.fmean(record.metrics["cost"] < 15 for record in result.history[-100:])
    assert share > 0.6
