"""appnas.methods.nsga2: the suite, measured costs, limits, the front in the result, beside random search."""

import math

import pytest

from appnas import Table
from appnas.loop import front, hypervolume, worth
from appnas.methods import baselines, nsga2
from appnas.support import FailuresError
from appnas.testing import MethodSuite, planted


class TestOnVectors(MethodSuite):
    method = "nsga2"
    settings = {"evaluations": 9, "budget": 1, "population": 3}  # noqa: RUF012


class TestOnAnOracle(MethodSuite):
    method = "nsga2"
    settings = {"evaluations": 13, "population": 4, "objectives": ("value:max", "true:min")}  # noqa: RUF012

    @pytest.fixture
    def space(self, cells):
        return cells

    @pytest.fixture
    def domain(self, cells):
        return planted(cells)


@pytest.fixture(scope="module")
def table():
    """All cells: a convolution is worth 5 % and costs 10, or 4 where a pooling stands before it."""
    archs = [tuple(index // 5**d % 5 for d in range(6)) for index in range(5**6)]
    values = [60.0 + 5 * sum(k in (2, 3) for k in a) + a.count(4) for a in archs]
    costs = [sum((4.0 if i and a[i - 1] == 4 else 10.0) for i, k in enumerate(a) if k in (2, 3)) for a in archs]
    return Table(archs, {"valid": values, "cost": costs}, "valid")


def test_the_front_is_above_that_of_random_search(bench201):
    """Two planted values that disagree: the area below the front, of three seeds each."""
    archs = [tuple(index // 5**d % 5 for d in range(6)) for index in range(5**6)]
    one, other = planted(bench201, 0), planted(bench201, 1)
    table = Table(archs, {"valid": [one.of(a) for a in archs], "cost": [-other.of(a) for a in archs]}, "valid")
    config = nsga2.Config(300, ("value:max", "cost:min"), population=20)
    ours = [nsga2.search(bench201, table, config, seed=seed).history for seed in range(3)]
    plain = [baselines.random(bench201, table, baselines.RandomConfig(300), seed=seed).history for seed in range(3)]

    def volume(history):
        return hypervolume([(worth(r), -r.metrics["cost"]) for r in history], (0.0, 0.0))

    assert min(map(volume, ours)) > max(map(volume, plain)) + 0.02


def test_the_front_in_the_result(bench201, table):
    result = nsga2.search(bench201, table, nsga2.Config(100, ("value:max", "cost:min"), population=10))
    found = {(worth(r), r.metrics["cost"]) for r in (result.history[step] for step in result.info["front"])}
    assert found == {(worth(r), r.metrics["cost"]) for r in front(result.history, ["cost"])} and len(found) > 3


def test_limits(bench201, table):
    """Outside of them the value is minus infinity, what was validated is still there, and the best is within."""
    config = nsga2.Config(200, ("value:max", "cost:min"), ("cost<=20",), population=10)
    result = nsga2.search(bench201, table, config)
    cost = dict(zip(table.index, table.shown["cost"], strict=True))
    assert cost[result.best] <= 20 and result.value == max(worth(r) for r in result.history if r.metrics["cost"] <= 20)
    for record in result.history:
        assert (record.value == -math.inf) == (record.metrics["cost"] > 20) and worth(record) >= 60


def test_measured_costs(chain, regression):
    config = nsga2.Config(6, ("value:max", "parameters:min", "latency_ms:min"), ("macs<=1e9",), 3, budget=1)
    result = nsga2.search(chain, regression, config)
    assert all({"parameters", "macs", "latency_ms"} <= r.metrics.keys() for r in result.history)
    assert result.info["conditions"]["threads"] == 1 and 1 <= len(result.info["front"]) <= 6


def test_a_metric_that_no_score_has(bench201, table):
    with pytest.raises(FailuresError, match=r"the scores have the metrics \['cost', 'valid', 'value'\], got 'power'"):
        nsga2.search(bench201, table, nsga2.Config(100, ("value:max", "power:min")))


def test_settings_are_checked():
    for wrong, words in (
        ({"crossed": 1.5}, "at most 1"), ({"objectives": ()}, "got none"), ({"objectives": ("macs",)}, "NAME:max"),
        ({"limits": ("macs",)}, "NAME<=NUMBER"), ({"population": 1}, "at least 2"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            nsga2.Config(**wrong)
