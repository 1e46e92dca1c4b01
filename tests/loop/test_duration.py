"""appnas.loop.duration: what takes years is said once, what does not never."""

import random
import warnings

import pytest
import torch

import appnas
from appnas.estimate import Stateless
from appnas.loop import Estimate, Observer, search_loop
from appnas.loop.duration import EstimateWarning, span
from appnas.strategy import Random, Score


class Slow(Stateless):
    """Every score takes some seconds of a clock, the first one more."""

    def __init__(self, seconds, first=0.0):
        self.seconds, self.now, self.wait = seconds, 0.0, first

    def score(self, draw):
        self.now += self.seconds + self.wait
        self.wait = 0.0
        return Score(torch.tensor(0.0))


class Stop(Observer):
    """After some scores, whatever was asked for."""

    def __init__(self, after, batch=1):
        self.after, self.batch = after, batch

    def start(self, loop):
        loop.batch = self.batch

    def step(self, loop, record):
        return loop.step >= self.after


def warned(space, steps, seconds, after=40, batch=1, **more):
    evaluator = Slow(seconds)
    estimate = Estimate(clock=lambda: evaluator.now, **more)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search_loop(Random(space, random.Random(0)), evaluator, steps, callbacks=[estimate, Stop(after, batch)])
    return [str(warning.message) for warning in caught if warning.category is EstimateWarning]


def test_years_are_said_once_with_what_to_ask_less_of(bench201):
    assert warned(bench201, 10**9, 3.1, setting="--evaluations") == [
        "at 3.1 s an evaluation, the 1,000,000,000 asked for take about 98 years; Ctrl-C and ask for fewer"
        " (--evaluations)"
    ]
    assert warned(bench201, 10**6, 3.1) == [
        "at 3.1 s an evaluation, the 1,000,000 asked for take about 36 days; Ctrl-C and ask for fewer"
    ]
    (text,) = warned(bench201, 10**9, 3.1, batch=4)
    assert text.startswith("at 0.78 s") or text.startswith("at 3.1 s")


@pytest.mark.parametrize(("steps", "seconds"), [(100, 3.1), (10**6, 0.5), (1000, 600.0), (10**9, 1e-5)])
def test_a_week_and_less_is_nobodys_business(bench201, steps, seconds):
    assert warned(bench201, steps, seconds) == []


def test_an_hour_an_evaluation_is_said_after_the_first(bench201):
    assert len(warned(bench201, 1000, 3600.0, after=1)) == 1
    assert warned(bench201, 10**9, 1.0, after=2) == [], "two say too little"


def test_many_seeds_count_too(bench201):
    evaluator = Slow(5.0)
    estimate = Estimate(10**9, "--seeds", lambda: evaluator.now)
    for seed in range(2):
        search_loop(Random(bench201, random.Random(seed)), evaluator, 1, callbacks=[estimate])
    with pytest.warns(EstimateWarning, match="1 for each of 1,000,000,000 seeds take about 158 years"):
        search_loop(Random(bench201, random.Random(3)), evaluator, 1, callbacks=[estimate])


def test_a_search_by_name_has_one(chain, regression, monkeypatch):
    monkeypatch.setattr("appnas.loop.duration.SETTLED", 0.0)
    monkeypatch.setattr("appnas.loop.duration.LONG", 1e-6)
    with pytest.warns(EstimateWarning, match=r"the 5 asked for take .* ask for fewer \(evaluations\)"):
        appnas.search(chain, regression, "random", evaluations=5, budget=1)


def test_span():
    assert [span(86400 * days) for days in (8, 365, 800, 365.25e6)] == [
        "8 days",
        "365 days",
        "2 years",
        "1,000,000 years",
    ]
