"""zerocost: proxies alone, as a filter, and as a warm start."""

import math

import pytest
import torch

import appnas
from appnas.methods import zerocost
from appnas.one_shot import ZeroCost
from appnas.spaces import Bench201
from appnas.strategy import Draw
from appnas.testing import MethodSuite


class TestProxiesAlone(MethodSuite):
    method = "zerocost"
    settings = {"candidates": 8, "reference": 3, "combine": "vote"}  # noqa: RUF012

    @pytest.fixture
    def space(self, bench201: Bench201) -> Bench201:
        return bench201

    @pytest.fixture
    def domain(self, digits):
        return digits


class TestWarmStart(TestProxiesAlone):
    settings = {  # noqa: RUF012
        "candidates": 4, "proxies": ("naswot",), "trained": 3, "start": 2, "budget": 1, "population": 2, "sample": 1,
        "strategy": "evolution",
    }  # fmt: skip


class TestOnVectors(TestProxiesAlone):
    settings = {"candidates": 6, "proxies": ("snip",)}  # noqa: RUF012

    @pytest.fixture
    def space(self, chain):
        return chain

    @pytest.fixture
    def domain(self, regression):
        return regression


def test_alone_the_best_by_the_proxy_is_the_result(bench201, digits):
    result = appnas.search(bench201, digits, "zerocost", candidates=10, proxies=("macs",))
    assert len(result.history) == 10 and not any("budget" in record.metrics for record in result.history)
    assert result.value == max(record.metrics["macs"] for record in result.history)
    assert result.best == max(result.history, key=lambda record: record.value).arch


def test_a_filter_trains_the_best_share(bench201, digits):
    result = appnas.search(
        bench201, digits, "zerocost", candidates=12, proxies=("params",), trained=3, start=3, budget=1
    )
    looked, trained = result.history[:12], result.history[12:]
    sizes = {record.arch: record.value for record in looked}
    assert [record.arch for record in trained] == sorted(sizes, key=sizes.__getitem__, reverse=True)[:3]
    assert all(record.metrics["budget"] == 1 for record in trained)
    best = max(trained, key=lambda record: record.value)
    assert result.best == best.arch and result.value == best.value <= 100  # not the number of parameters
    assert "the mean of 1 training in the last of 15 steps" in str(result) and result.value_name.startswith("valid")


def test_evolution_goes_on_from_them(bench201, digits):
    settings = {"candidates": 6, "proxies": ("params",), "trained": 5, "start": 2, "population": 2, "sample": 2}
    result = appnas.search(bench201, digits, "zerocost", budget=1, **settings)
    start, children = result.history[6:8], result.history[8:]
    apart = [sum(a != b for a, b in zip(children[0].arch, parent.arch, strict=True)) for parent in start]
    assert min(apart) == 1  # a mutant of one of them, and no random one before


def test_a_space_with_fewer_architectures_than_candidates(digits):
    space = appnas.Listed([appnas.Choice("op", ("a", "b", "c"))], [(0,), (1,), (2,)], build)
    result = appnas.search(space, digits, "zerocost", candidates=9, proxies=("params",), trained=2, start=2, budget=1)
    assert len(result.history) == 11 and [record.arch for record in result.history[9:]] == [(2,), (1,)]


def build(arch, io):
    return torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(64, 2 + arch[0]), torch.nn.Linear(2 + arch[0], io.outputs[0])
    )


def test_evolution_on_the_proxy_climbs(bench201, digits):
    random, evolution = (
        appnas.search(bench201, digits, "zerocost", candidates=150, proxies=("macs",), strategy=strategy).value
        for strategy in ("random", "evolution")
    )
    assert random < evolution <= float(ZeroCost(bench201, digits, ("macs",)).score(Draw((3,) * 6)).value)


def test_settings():
    config = zerocost.Config()
    assert (config.candidates, config.trained, config.start) == (1000, 0, 10)
    assert math.isclose(config.reference, 100)


def test_tables_and_controls(bench201, digits):
    with pytest.raises(TypeError, match="'zerocost' looks at networks and data, and Oracle has no data"):
        appnas.search(bench201, appnas.testing.planted(bench201), "zerocost")
    with pytest.raises(ValueError, match="untrained weights needs rank_epochs"):
        appnas.search(bench201, digits, "zerocost", control=True)
