"""appnas.loop.stopping: the median rule by hand, and in searches that are resumed."""

import math
from dataclasses import replace

import pytest
import torch

from appnas.estimate import Scratch
from appnas.loop import MedianStop, Observer, Record
from appnas.loop.stopping import medians
from appnas.methods import baselines, hyperband
from appnas.run import Run, create
from appnas.strategy import Draw
from appnas.testing import identical
from appnas.testing.method import KilledError, Killer


def test_medians_by_hand():
    """Running means: (1, 2, 3) -> 1, 1.5, 2; (3, 3) -> 3, 3; (2, 0, 7) -> 2, 1, 3."""
    curves = [{1: 1.0, 2: 2.0, 3: 3.0}, {1: 3.0, 2: 3.0}, {1: 2.0, 2: 0.0, 3: 7.0}]
    assert medians(curves, [1, 2, 3, 4]) == {1: 2.0, 2: 1.5, 3: 2.5}


def told(rule, *curves):
    for step, curve in enumerate(curves):
        rule.step(None, Record(step, (step,), 0.0, {f"at_{at}": value for at, value in curve.items()} | {"x": 1.0}))


def test_nothing_is_stopped_before_enough_is_known():
    rule = MedianStop(8, every=2, grace=3, known=2)
    low = -math.inf
    assert rule.asked() == ((2, low), (4, low), (6, low))
    told(rule, {2: 1.0, 4: 3.0, 6: 5.0}, {})
    assert rule.asked() == ((2, low), (4, low), (6, low))
    told(rule, {2: 1.0, 4: 3.0, 6: 5.0}, {2: 3.0, 4: 5.0})
    assert rule.asked() == ((2, low), (4, 3.0), (6, low))


def test_curves_come_in_parts_where_there_are_rungs():
    rule = MedianStop(4, known=1)
    rule.step(None, Record(0, (5,), 0.0, {"at_1": 1.0}))
    rule.step(None, Record(1, (5,), 0.0, {"at_2": 3.0, "at_3": 5.0}))
    assert rule.asked() == ((1, 1.0), (2, 2.0), (3, 3.0))


CONFIG = baselines.RandomConfig(16, 6)


def test_a_search_trains_less_and_finds_what_it_trained_whole(chain, regression):
    """What was not stopped has the value that it has without the rule, and the best is one of these."""
    space = replace(chain, layers=3)
    plain = baselines.random(space, regression, CONFIG)
    result = baselines.random(space, regression, CONFIG, callbacks=[MedianStop(6, known=3)])
    stopped = [record for record in result.history if "stopped" in record.metrics]
    assert 2 <= len(stopped) <= 13 and not any("stopped" in record.metrics for record in result.history[:3])
    for ours, theirs in zip(result.history, plain.history, strict=True):
        assert ours.arch == theirs.arch
        if "stopped" not in ours.metrics:
            assert ours.value == theirs.value
        elif ours.metrics["budget"]:
            assert ours.metrics["budget"] < 6 and f"at_{int(ours.metrics['budget'])}" in ours.metrics
            alone = Scratch(space, regression, 6).score(Draw(ours.arch, budget=int(ours.metrics["budget"])))
            assert ours.value == float(alone.value)
    assert result.best not in {record.arch for record in stopped}
    assert sum(record.metrics["budget"] for record in result.history) < 0.9 * 6 * 16


@pytest.mark.parametrize("rungs", [False, True])
def test_it_resumes_exactly(chain, regression, tmp_path, rungs):
    """What is known comes from the history; the same with several draws at a time."""

    def search(*callbacks):
        space, rule = replace(chain, layers=3), MedianStop(6, known=3)
        torch.manual_seed(1)
        if rungs:
            return hyperband.search(space, regression, hyperband.Config(6, 6, eta=2.0), callbacks=[*callbacks, rule])
        return baselines.random(space, regression, CONFIG, callbacks=[*callbacks, rule])

    whole, path = search(), create(tmp_path / "run", {})
    assert any("stopped" in record.metrics for record in whole.history)
    run = Run(path, every=math.inf, events=False)
    with pytest.raises(KilledError):
        search(run, Killer(run, 9, 11))
    assert identical(search(Run(path, every=math.inf, events=False)).history, whole.history)


def test_what_is_known_is_what_was_told_before_the_batch(chain, regression):
    """So that workers change nothing: in a batch of all, nothing is stopped."""

    class All(Observer):
        def start(self, loop):
            loop.batch = 16

    result = baselines.random(replace(chain, layers=3), regression, CONFIG, callbacks=[All(), MedianStop(6, known=1)])
    assert not any("stopped" in record.metrics for record in result.history)
    assert {f"at_{n}" for n in range(1, 6)} <= result.history[0].metrics.keys()


@pytest.mark.parametrize("wrong", [{"every": 0}, {"grace": 0}, {"known": 0}, {"length": 0}])
def test_refusals(wrong):
    with pytest.raises(ValueError, match="at least 1, got 0"):
        MedianStop(**({"length": 5} | wrong))
    with pytest.raises(TypeError):
        MedianStop(2.5)
