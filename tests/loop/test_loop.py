"""appnas.search: the loop, its callbacks, and the result."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
import torch

import appnas
from appnas.estimate import Stateless
from appnas.loop import Budget, Done, Observer, Record, SearchResult, search_loop, versions
from appnas.strategy import Draw, Random, Score
from appnas.task import Locked

ARCHS = [(a, b, 0, 0, 0, 0) for a in range(5) for b in range(5)]


class Listed:
    """A strategy that walks through given architectures, and writes down what happens."""

    def __init__(self, archs, log, instead=None):
        self.archs, self.log, self.instead, self.asked = archs, log, instead, 0

    def ask(self):
        self.asked += 1
        self.log.append(f"ask {self.asked - 1}")
        return Draw(self.archs[self.asked - 1])

    def tell(self, draw, score):
        self.log.append(f"tell {float(score.value):g}")
        return self.instead

    def best(self):
        return self.archs[0]


class Sum(Stateless):
    """The sum of the indices."""

    def __init__(self, log):
        self.log = log

    def score(self, draw):
        self.log.append("score")
        return Score(torch.tensor(float(sum(draw.arch))), {"seconds": 0.1 * sum(draw.arch)})

    def learn(self, draw):
        self.log.append(f"learn {sum(draw.arch)}")


class Watch(Observer):
    def __init__(self, log, name, stop=None):
        self.log, self.name, self.stop = log, name, stop

    def start(self, loop):
        self.log.append(f"{self.name} start")

    def step(self, loop, record):
        self.log.append(f"{self.name} step {record.step}")
        return loop.step == self.stop

    def end(self, loop):
        self.log.append(f"{self.name} end {loop.step}")


def test_the_loop_asks_scores_tells_learns():
    log = []
    result = search_loop(Listed([(1, 2), (3,)], log), Sum(log), 2, callbacks=[Watch(log, "a"), Watch(log, "b")])
    assert log == [
        "a start", "b start",
        "ask 0", "score", "tell 3", "learn 3", "a step 0", "b step 0",
        "ask 1", "score", "tell 3", "learn 3", "a step 1", "b step 1",
        "a end 2", "b end 2",
    ]  # fmt: skip
    assert result.history == [
        Record(0, (1, 2), 3.0, {"seconds": pytest.approx(0.3)}),
        Record(1, (3,), 3.0, {"seconds": pytest.approx(0.3)}),
    ]
    assert result.best == (1, 2) and result.value == 3.0


def test_weights_learn_on_what_tell_answers():
    log = []
    search_loop(Listed([(1,)], log, instead=Draw((7,))), Sum(log), 1)
    assert log == ["ask 0", "score", "tell 1", "learn 7"]


def test_any_callback_stops_the_search_after_all_were_told():
    log = []
    search_loop(Listed([(1,)] * 9, log), Sum(log), 9, callbacks=[Watch(log, "a", stop=2), Watch(log, "b")])
    assert log[-4:] == ["a step 1", "b step 1", "a end 2", "b end 2"]


def test_callbacks_end_after_an_error():
    log = []

    class Fails(Watch):
        def step(self, loop, record):
            raise RuntimeError("full disk")

    with pytest.raises(RuntimeError, match="full disk"):
        search_loop(Listed([(1,)] * 3, log), Sum(log), 3, callbacks=[Watch(log, "a"), Fails(log, "b")])
    assert log[-2:] == ["a end 1", "b end 1"]


def test_a_search_has_a_step():
    log = []
    with pytest.raises(ValueError, match="at least 1 step, got 0"):
        search_loop(Listed([(1,)], log), Sum(log), 0, callbacks=[Watch(log, "a")])
    assert log == []


class Restoring(Observer):
    """Stands for a run: gives the loop an earlier history."""

    def __init__(self, history):
        self.history = history

    def start(self, loop):
        loop.history[:], loop.step = self.history, len(self.history)
        loop.strategy.asked = loop.step


def test_a_budget_stops_at_its_limit():
    archs = [(1,), (2,), (3,), (4,), (5,)]
    result = search_loop(Listed(archs, []), Sum([]), 5, callbacks=[Budget("seconds", 0.55)])
    assert [record.arch for record in result.history] == archs[:3]  # 0.1, 0.3, 0.6


@pytest.mark.parametrize("cut", range(9))
def test_a_budget_counts_what_a_resumed_search_has_spent(cut):
    """Sums of 0.1 are not exact: resumed, they are added in the same order, and stop at the same step."""
    archs = [(1,)] * 20
    alone = search_loop(Listed(archs, []), Sum([]), 20, callbacks=[Budget("seconds", 0.8)]).history
    assert len(alone) in (8, 9)
    budget = Budget("seconds", 0.8)
    resumed = search_loop(Listed(archs, []), Sum([]), 20, callbacks=[Restoring(alone[:cut]), budget]).history
    assert resumed == alone
    assert budget.spent == pytest.approx(0.1 * len(alone))


def test_a_budget_names_a_metric_that_is_there():
    with pytest.raises(KeyError, match="ms"):
        search_loop(Listed([(1,)], []), Sum([]), 1, callbacks=[Budget("ms", 1.0)])


def test_a_strategy_that_is_done_ends_the_loop():
    class Three(Listed):
        @property
        def done(self):
            return self.asked >= 3

    archs = [(k,) for k in range(9)]
    assert len(search_loop(Three(archs, []), Sum([]), 9, callbacks=[Done()]).history) == 3
    before = [Record(k, (k,), 0.0, {}) for k in range(3)]
    resumed = search_loop(Three(archs, []), Sum([]), 9, callbacks=[Restoring(before), Done()])
    assert len(resumed.history) == 3


def test_versions():
    assert set(versions()) == {"appnas", "torch", "python"} and versions()["torch"] == torch.__version__


@dataclass(frozen=True)
class Settings:
    steps: int = 3


def random_result(space, steps=5):
    return search_loop(Random(space, random.Random(0)), Sum([]), steps)


def test_a_result_knows_where_it_comes_from(bench201, digits):
    result = random_result(bench201).of(bench201, digits, Settings(), 7)
    assert result.info["config"] == {"steps": 3} and result.info["seed"] == 7 and result.info["versions"] == versions()
    assert result.space is bench201 and result.domain is digits
    assert result.value == max(record.value for record in result.history) == sum(result.best)
    model = result.model()
    assert type(model) is type(bench201.build(result.best, digits.io))
    assert model(digits.example(2)[0]).shape == (2, 10)
    assert random_result(bench201).of(bench201, Locked(digits), Settings(), 0).model() is not None


def test_a_result_says_what_it_lacks(bench201):
    result = appnas.Result(**vars(random_result(bench201)))
    with pytest.raises(ValueError, match="needs a space and a domain with data"):
        result.model()
    with pytest.raises(ValueError, match="needs a space and a domain with data; a table has its own `test`"):
        result.retrain(epochs=1)
    with pytest.raises(ValueError, match="made from a run's directory: pass out="):
        result.report()
    assert isinstance(result, SearchResult)


def test_what_began_is_ended_when_another_callback_cannot_begin(bench201):
    """The first callback (a run that listens to Ctrl-C, say) is ended though the second fails to start."""
    seen = []

    class First(Observer):
        def start(self, loop):
            seen.append("start")

        def end(self, loop):
            seen.append("end")

    class Second(Observer):
        def start(self, loop):
            raise RuntimeError("cannot begin")

        def end(self, loop):
            seen.append("never")

    with pytest.raises(RuntimeError, match="cannot begin"):
        search_loop(Random(bench201, random.Random(0)), Stateless(), 3, callbacks=[First(), Second()])
    assert seen == ["start", "end"]


@pytest.mark.parametrize(
    ("values", "metrics", "words"),
    [
        (
            [-2.5, -2.0],
            [{"valid_loss": 2.5}, {"valid_loss": 2.0}],
            "value -2 (minus validation loss), the largest of 2",
        ),
        ([10.0, 20.0], [{"accuracy": 10.0}, {"accuracy": 20.0}], "value 20 (validation accuracy, %), the largest of 2"),
        (
            [-2.5, 20.0],
            [{"train_loss": 2.5}, {"accuracy": 20.0}],
            "value 20 (validation accuracy, %), the largest of 2",
        ),
        ([1.0, 2.0], [{"value": 3.0}, {"value": 5.0}], "value 2 (reward), the largest of 2"),
        ([1.0, 2.0], [{}, {"seconds": 9.0}], "value 2, the largest of 2"),
    ],
)
def test_a_result_says_what_its_value_is(values, metrics, words):
    """Of the steps that are of one kind: shared weights are trained first, and scored then."""
    history = [Record(i, (i,), value, of) for i, (value, of) in enumerate(zip(values, metrics, strict=True))]
    assert f"\n{words} steps" in str(SearchResult((0,), history, Random(None, random.Random(0)), Sum([])))
