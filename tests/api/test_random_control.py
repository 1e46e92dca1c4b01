"""appnas.api.random_control: random search at equal budget, whatever it meets."""

import math
from pathlib import Path

import pytest
from misbehaving import Few, Misbehaves

import appnas
from appnas.api.random_control import deviation, equal_budget
from appnas.loop.loop import Observer
from appnas.support import FailuresError


def test_on_a_table_as_many_evaluations(tmp_path):
    found = appnas.search(Few(), Misbehaves(tmp_path / "log", {}), "evolution", evaluations=12, population=4, sample=2)
    control = equal_budget(Few(), Misbehaves(tmp_path / "log", {}), [found, found], 0, 1, False)
    assert control["method"] == "random" and control["evaluations"] == 24
    assert control["value"] == control["best"][0]


def test_a_control_bears_every_failure(tmp_path):
    found = appnas.search(Few(), Misbehaves(tmp_path / "log", {}), "random", evaluations=40)
    kinds = {k: "raises" for k in range(40) if k % 10}
    control = equal_budget(Few(), Misbehaves(tmp_path / "log", kinds), [found], 0, 1, False)
    assert control["best"][0] % 10 == 0 and math.isfinite(control["value"])


def test_a_control_all_of_whose_evaluations_fail_takes_the_next_seed(tmp_path):
    found = appnas.search(Few(3), Misbehaves(tmp_path / "log", {}), "random", evaluations=1)
    evaluator = Misbehaves(tmp_path / "log", {0: "raises", 1: "raises"})
    best = {equal_budget(Few(3), evaluator, [found], seed, 1, False)["best"] for seed in range(6)}
    assert best == {(2,)}
    with pytest.raises(FailuresError, match="all 1 evaluations failed"):
        equal_budget(Few(1), evaluator, [found], 0, 1, False)


def test_a_longer_last_stage_is_the_control_s_too(chain, regression):
    """Its trainings are as long, so that values are of one kind, and their epochs are part of the budget."""
    settings = {"evaluations": 8, "budget": 2, "top": 2, "repeats": 2, "longer": 4}
    found = appnas.search(chain, regression, "random", seed=1, **settings)
    epochs = []

    class Told(Observer):
        def step(self, loop, record):
            epochs.append(record.metrics["budget"])

    control = equal_budget(chain, regression, [found], 0, 2, False, [Told()])
    spent = sum(record.metrics["budget"] for record in found.history)  # a network that comes again costs nothing
    assert control["evaluations"] == len(epochs) and epochs[-4:] == [4.0] * 4 and max(epochs[:-4]) == 2.0
    assert spent - 6 <= sum(epochs) <= spent


def test_a_control_is_held_to_the_time_limit_too(tmp_path):
    evaluator = Misbehaves(tmp_path / "log", {0: "hangs", 1: "hangs"})
    result = appnas.search(Few(3), evaluator, "random", evaluations=4, timeout=1.0, seed=3, control=True)
    assert result.info["control"]["best"] == (2,)


def test_a_wrong_time_limit_is_named():
    with pytest.raises(ValueError, match="timeout is a number of seconds, 0 for no limit, got -1"):
        appnas.search(Few(3), Misbehaves(Path("log"), {}), "random", timeout=-1.0)


def test_the_spread_of_seeds_of_which_one_scored_nothing():
    assert deviation([1.0, 3.0]) == pytest.approx(2**0.5) and deviation([1.0]) == 0
    assert math.isnan(deviation([1.0, -math.inf])) and math.isnan(deviation([math.nan, 1.0]))
