"""appnas.methods.mnasnet: rewards of value and cost, in a domain and on a table."""

import itertools
import statistics

import pytest

import appnas
from appnas.cost import weighted_product
from appnas.estimate import Table
from appnas.loop import front
from appnas.methods import mnasnet
from appnas.support import FailuresError
from appnas.testing import MethodSuite, planted
from appnas.testing.parts import identical

TINY = {"evaluations": 7, "budget": 1, "hidden": 8, "per_update": 3, "lr": 0.05}


class TestOnVectors(MethodSuite):
    """A loss as value is negative: the cost must not pay there."""

    method = "mnasnet"
    settings = {**TINY, "cost": "parameters", "target": 30.0}  # noqa: RUF012


class TestOnAnOracle(MethodSuite):
    method = "mnasnet"
    settings = {**TINY, "cost": "true", "target": 0.5, "controller": "independent", "below": 0.0, "above": -1.0}  # noqa: RUF012

    @pytest.fixture
    def space(self, cells):
        return cells

    @pytest.fixture
    def domain(self, cells):
        return planted(cells)


def test_settings_of_the_paper():
    config = mnasnet.Config()
    assert (config.evaluations, config.budget, config.below, config.above) == (8000, 5, -0.07, -0.07)
    assert (config.lr, config.momentum, config.entropy, config.clip, config.scaled) == (3.5e-4, 0.95, 1e-5, 0.2, False)
    with pytest.raises(ValueError, match=r"lr must be at least 0"):
        mnasnet.Config(lr=-1.0)
    with pytest.raises(ValueError, match="target must be above 0"):
        mnasnet.Config(target=0.0)


@pytest.fixture(scope="module")
def costly():
    """All cells: every convolution costs 10 ms and is worth 5 %."""
    archs = list(itertools.product(range(5), repeat=6))
    count = [sum(k in (2, 3) for k in arch) for arch in archs]
    return Table(archs, {"valid": [60.0 + 5 * n for n in count], "latency_ms": [5.0 + 10 * n for n in count]}, "valid")


def test_the_target_decides(bench201, costly):
    """A hard target keeps the search at or below it; without one it takes many convolutions."""
    hard = {"evaluations": 300, "lr": 0.05, "controller": "independent", "below": 0.0, "above": -1.0}
    tight, loose = (
        mnasnet.search(bench201, costly, mnasnet.Config(target=target, per_update=10, **hard))
        for target in (15.0, 500.0)
    )
    late = [statistics.median(r.metrics["latency_ms"] for r in found.history[-50:]) for found in (tight, loose)]
    assert late[0] <= 15.0 < 45.0 <= late[1]
    assert sum(k in (2, 3) for k in tight.best) == 1 and sum(k in (2, 3) for k in loose.best) >= 5
    for record in tight.history:
        by_hand = weighted_product(record.metrics["value"], record.metrics["latency_ms"], 15.0, 0.0, -1.0)
        assert record.value == pytest.approx(by_hand)
    assert [r.metrics["latency_ms"] for r in front(loose.history, ["latency_ms"])][:3] == [5.0, 15.0, 25.0]


def test_latency_is_measured_in_a_domain(bench201, digits):
    """Its spread too; what the controller draws does not depend on it before the first update."""
    config = mnasnet.Config(**{**TINY, "evaluations": 2})
    first, second = (mnasnet.search(bench201, digits, config) for _ in range(2))
    for record in first.history:
        low, median, high = (record.metrics[f"latency_{name}ms"] for name in ("low_", "", "high_"))
        assert 0 < low <= median <= high
        assert record.metrics["value"] == pytest.approx(record.metrics["accuracy"])
    conditions = first.info["conditions"]
    assert conditions["threads"] == conditions["batch"] == 1 and conditions["repeats"] == 50 and conditions["processor"]
    assert identical([r.arch for r in first.history], [r.arch for r in second.history])


def test_a_cost_that_nobody_knows(bench201, digits):
    with pytest.raises(ValueError, match="what can be measured is"):
        mnasnet.search(bench201, digits, mnasnet.Config(cost="volts"))
    with pytest.raises(FailuresError, match=r"the scores have the metrics \['true', 'value'\], got 'latency_ms'"):
        mnasnet.search(bench201, planted(bench201), mnasnet.Config())


def test_a_report_with_the_front(bench201, costly, tmp_path):
    settings = {**TINY, "evaluations": 40, "target": 20.0, "out": tmp_path / "run"}
    page = appnas.search(bench201, costly, "mnasnet", **settings).report().read_text()
    assert "The Pareto front" in page and "validated value" in page and "latency, ms" in page
