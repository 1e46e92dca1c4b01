"""appnas.methods.optuna_sampler: the suites, distributions, conditions, failures, what comes again, resuming."""

import math
import sys
from dataclasses import dataclass
from statistics import mean

import pytest
import torch

from appnas import Choice, Listed
from appnas.methods import baselines, optuna_sampler
from appnas.methods.optuna_sampler import Config, OptunaStrategy
from appnas.space import argmax, full_mask, restrict
from appnas.strategy import Score
from appnas.support import ExhaustedError, Failure
from appnas.testing import MethodSuite, StrategySuite, planted, round_trip

optuna = pytest.importorskip("optuna", reason="the extra optuna is not installed")


class TestOnVectors(MethodSuite):
    method = "optuna"
    settings = {"evaluations": 8, "budget": 1, "startup": 3}  # noqa: RUF012


class TestOnAnOracle(MethodSuite):
    method = "optuna"
    settings = {"evaluations": 9, "startup": 3, "distinct": False}  # noqa: RUF012

    @pytest.fixture
    def space(self, cells):
        return cells

    @pytest.fixture
    def domain(self, cells):
        return planted(cells)


@pytest.mark.parametrize("make", [lambda space, seed: OptunaStrategy(space, seed, startup=4, distinct=True)])
class TestTheStrategy(StrategySuite):
    @pytest.fixture
    def space(self, bench201):
        return bench201


def run(strategy, worth, count):
    asked = []
    for _ in range(count):
        draw = strategy.ask()
        strategy.tell(draw, Score(torch.tensor(float(worth(draw.arch)))))
        asked.append(draw.arch)
    return asked


@dataclass(frozen=True)
class Towers:
    """One to three layers; each that there is has a width, in order, and a word."""

    mask = None
    choices = (
        Choice("layers", ("1", "2", "3"), ordered=True), Choice("width", ("8", "16", "32", "64"), 3, ordered=True),
        Choice("act", ("relu", "silu", "tanh"), 3),
    )  # fmt: skip

    def active(self, arch):
        there = tuple(layer <= arch[0] for layer in range(3))
        return (True, *there, *there)

    def valid(self, arch):
        return not any(k for k, on in zip(arch, self.active(arch), strict=True) if not on)

    def discretise(self, gates):
        arch = argmax(gates)
        return tuple(k if on else 0 for k, on in zip(arch, self.active(arch), strict=True))


def test_conditions_and_orders():
    """A layer that is not there is not asked about; ordered choices are whole numbers, the others categories."""
    strategy = OptunaStrategy(Towers(), 0)
    assert all(map(Towers().valid, run(strategy, sum, 30)))
    assert len({len(t.params) for t in strategy.study.trials}) == 3
    for trial, (arch, value) in zip(strategy.study.trials, strategy.events[1::2], strict=True):
        layers = 1 + arch[0]
        assert {*trial.params} == {"layers 0", *(f"{n} {i}" for n in ("width", "act") for i in range(layers))}
        assert trial.value == value == sum(arch)
        for name, distribution in trial.distributions.items():
            kind = "Categorical" if name.startswith("act") else "Int"
            assert type(distribution).__name__ == f"{kind}Distribution"


def test_a_mask(bench201):
    """Of options that it excludes none is a category."""
    mask = tuple(m.clone() for m in full_mask(bench201.choices))
    mask[0][:, 1] = mask[0][0, 2:] = False
    strategy = OptunaStrategy(restrict(bench201, mask), 0)
    assert all(arch[0] == 0 and 1 not in arch for arch in run(strategy, sum, 20))
    categories = strategy.study.trials[0].distributions
    assert {d.choices for d in categories.values()} == {(0, 2, 3, 4)} and len(categories) == 5


def test_what_breaks_a_rule_is_mended():
    """A list of three: the sampler learns about what it sampled, the value is that of what was built."""
    space = Listed([Choice("a", ("x", "y", "z"), 3)], [(0, 0, 0), (1, 1, 1), (2, 2, 2)])
    strategy = OptunaStrategy(space, 0)
    archs = run(strategy, sum, 20)
    assert {*archs} == {(0, 0, 0), (1, 1, 1), (2, 2, 2)}
    assert [trial.value for trial in strategy.study.trials] == [sum(arch) for arch in archs]
    assert any(len({*trial.params.values()}) > 1 for trial in strategy.study.trials), (
        "what it sampled, not what was built"
    )


def test_failures_are_failed_trials(bench201):
    strategy = OptunaStrategy(bench201, 0)
    told = [(1.0, None), (math.nan, None), (-math.inf, None), (10.0, Failure("E", "no", "")), (2.0, None)]
    draws = []
    for value, failure in told:
        draws.append(strategy.ask())
        strategy.tell(draws[-1], Score(torch.tensor(value), {}, failure))
    assert [t.state.name for t in strategy.study.trials] == ["COMPLETE", "FAIL", "FAIL", "FAIL", "COMPLETE"]
    with pytest.raises(ValueError, match="which was not asked"):
        strategy.tell(draws[0], Score(torch.tensor(1.0)))


def test_what_is_known_is_told_again_and_another_one_drawn(chain):
    """Of 25 architectures, 20 different ones in 20 evaluations; with replacement, far fewer. Then it ends."""
    found = [{*run(OptunaStrategy(chain, 0, "random", distinct=distinct), sum, 20)} for distinct in (True, False)]
    assert len(found[0]) >= 19 and len(found[1]) <= 15
    strategy, told = OptunaStrategy(chain, 0, "random", distinct=True), []
    with pytest.raises(ExhaustedError, match="all of its 25 architectures were proposed"):
        while len(told) < 100:
            told += run(strategy, sum, 1)
    assert len({*told}) == 25 and len(strategy.study.trials) > len(told) + 10
    assert all(t.value == sum(t.params.values()) for t in strategy.study.trials if t.state.name == "COMPLETE")


@pytest.mark.parametrize("sampler", ["tpe", "gp", "random"])
def test_every_sampler_goes_on_where_it_was(bench201, sampler):
    """By what it is asked and told again: its own state, whatever it is, need not be known."""
    before = optuna.logging.get_verbosity()
    one, other = (OptunaStrategy(bench201, seed, sampler, startup=4) for seed in (0, 1))
    run(one, sum, 6)
    waiting = one.ask()
    other.load_state_dict(round_trip(one.state_dict()))
    for strategy in (one, other):
        strategy.tell(waiting, Score(torch.tensor(1.0)))
    assert run(one, sum, 4) == run(other, sum, 4) and one.best() == other.best()
    assert optuna.logging.get_verbosity() == before


def test_an_instance_of_a_sampler(bench201):
    """A copy of it is used, with the seed it has; one without a seed cannot go on, and says so."""
    made = optuna.samplers.TPESampler(seed=3, n_startup_trials=2)
    one, other = OptunaStrategy(bench201, 0, made), OptunaStrategy(bench201, 1, made)
    assert run(one, sum, 12) == run(other, sum, 12)
    config = Config(evaluations=12, distinct=False)
    found = optuna_sampler.search(bench201, planted(bench201), config, sampler=made)
    assert [r.arch for r in found.history[:2]] == [arch for arch, _ in one.events[:4:2]]
    unseeded = OptunaStrategy(bench201, 0, optuna.samplers.RandomSampler())
    run(unseeded, sum, 3)
    with pytest.raises(ValueError, match=r"RandomSampler drew .* it needs a seed"):
        OptunaStrategy(bench201, 0, optuna.samplers.RandomSampler(seed=5)).load_state_dict(unseeded.state_dict())


def test_tpe_beats_random_search(bench201):
    oracle = planted(bench201)
    tpe = [optuna_sampler.search(bench201, oracle, Config(100), seed=seed).value for seed in range(2)]
    plain = [baselines.random(bench201, oracle, baselines.RandomConfig(100), seed=seed).value for seed in range(2)]
    assert min(tpe) > max(plain)


def test_cma_es_moves_in_ordered_choices(bench201):
    with pytest.raises(ValueError, match="Bench201 has none: it would be random search"):
        OptunaStrategy(bench201, 0, "cmaes")
    with pytest.raises(ValueError, match=r"tpe, gp, cmaes, random.*got 'grid'"):
        OptunaStrategy(bench201, 0, "grid")
    pytest.importorskip("cmaes", reason="the package cmaes is not installed")
    strategy, other = OptunaStrategy(Towers(), 0, "cmaes"), OptunaStrategy(Towers(), 1, "cmaes")
    archs = run(strategy, sum, 60)
    assert all(map(Towers().valid, archs)) and mean(map(sum, archs[-20:])) > mean(map(sum, archs[:20]))
    other.load_state_dict(round_trip(strategy.state_dict()))
    assert run(strategy, sum, 10) == run(other, sum, 10)


def test_a_package_that_is_missing(bench201, monkeypatch):
    """In one line, with what to install, before anything is trained."""
    for package, sampler, words in (
        ("optuna", "tpe", r"pip install 'appnas\[optuna\]'"), ("cmaes", "cmaes", "pip install cmaes"),
        ("scipy", "gp", "pip install scipy"),
    ):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, package, None)
            with pytest.raises(ImportError, match=words):
                OptunaStrategy(Towers(), 0, sampler)
