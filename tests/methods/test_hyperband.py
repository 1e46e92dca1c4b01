"""appnas.methods.hyperband: the ladder, equal costs, resuming on a rung, workers, and the NAS-Bench-201 table."""

import itertools
import json
import math
import statistics
from dataclasses import replace

import pytest
import torch

import appnas
from appnas import Table
from appnas.domains import Labelled
from appnas.estimate import Scratch
from appnas.loop import furthest
from appnas.methods import baselines, hyperband
from appnas.run import Run, create
from appnas.space import WithTraining
from appnas.spaces.images import bench201 as table_space
from appnas.strategy import Draw
from appnas.testing import MethodSuite, identical, planted
from appnas.testing.method import KilledError, Killer


class TestAsha(MethodSuite):
    method = "hyperband"
    settings = {"evaluations": 3, "budget": 4, "eta": 2.0, "keep": 1}  # noqa: RUF012


class TestHyperband(TestAsha):
    settings = {"evaluations": 4, "budget": 4, "eta": 2.0, "scheme": "hyperband"}  # noqa: RUF012


class TestHalvingOfEvolution(TestAsha):
    settings = {  # noqa: RUF012
        "evaluations": 3, "budget": 4, "eta": 2.0, "scheme": "halving", "inner": "evolution", "population": 3,
        "sample": 2,
    }  # fmt: skip


class TestModel(TestAsha):
    settings = {"evaluations": 3, "budget": 4, "eta": 2.0, "inner": "bananas", "start": 3, "batch": 2}  # noqa: RUF012


class TestLocalSearch(TestAsha):
    settings = {"evaluations": 3, "budget": 4, "eta": 2.0, "inner": "local_search"}  # noqa: RUF012


class TestOnAnOracle(MethodSuite):
    """An evaluator that knows no budgets: every rung has the same value."""

    method = "hyperband"
    settings = {"evaluations": 5, "budget": 9}  # noqa: RUF012

    @pytest.fixture
    def space(self, cells):
        return cells

    @pytest.fixture
    def domain(self, cells):
        return planted(cells)


def test_ladder():
    assert hyperband.ladder(1, 81, 3.0) == (1, 3, 9, 27, 81)
    assert hyperband.ladder(5, 100, 3.0) == (11, 33, 100)
    assert hyperband.ladder(1, 10, 3.0) == (1, 3, 10)
    assert hyperband.ladder(4, 4, 3.0) == (4,)
    assert hyperband.ladder(1, 3, 1.2) == (1, 2, 3)
    with pytest.raises(ValueError, match="least is at most budget=3"):
        hyperband.Config(budget=3, least=4)
    with pytest.raises(ValueError, match="eta must be above 1"):
        hyperband.Config(eta=1.0)


@pytest.mark.parametrize("scheme", ["asha", "hyperband", "halving"])
def test_the_same_setting_costs_the_same(chain, regression, scheme):
    """Epochs are counted as they are trained: the parts of a training add up to what it was trained for."""
    space, config = replace(chain, layers=4), hyperband.Config(10, 9, scheme=scheme)
    result = hyperband.search(space, regression, config)
    spent = sum(record.metrics["budget"] for record in result.history)
    assert 90 - 9 < spent <= 90 and "ended" not in result.info
    of = {record.arch: {} for record in result.history}
    for record in result.history:
        assert record.budget not in of[record.arch]  # nothing is asked twice
        of[record.arch][record.budget] = record.metrics["budget"]
    for parts in of.values():
        assert sum(parts.values()) == max(parts)
    top = furthest(result.history)
    assert {record.budget for record in top} == {9} and result.value == max(record.value for record in top)
    assert result.value == float(Scratch(space, regression, 9).score(Draw(result.best)).value)


def test_the_length_of_a_training_is_not_chosen_twice(chain, regression):
    with pytest.raises(ValueError, match="leave 'budget' out of tune"):
        hyperband.search(WithTraining(chain, {"budget": [1, 2]}), regression, hyperband.Config(evaluations=2, budget=2))


def test_choices_of_the_training_go_on_from_rung_to_rung(chain, regression):
    """What is chosen of the training holds on every rung: the best is what training it straight through gives."""
    space, config = WithTraining(chain, {"lr": [0.001, 0.1]}), hyperband.Config(evaluations=3, budget=4, eta=2.0)
    domain = Labelled(*regression.split("all"), *regression.held_out)
    result = hyperband.search(space, domain, config)
    best = max(furthest(result.history), key=lambda record: record.value)
    assert best.value == float(Scratch(space, domain, 4, 0).score(Draw(best.arch)).value)
    rates = {space.training(record.arch)["lr"] for record in result.history}
    assert rates == {0.001, 0.1}


def test_a_small_space_is_exhausted(chain, regression):
    """25 architectures: each is asked once, and the best of every rung goes on to the last."""
    result = hyperband.search(chain, regression, hyperband.Config(100, 9))
    assert 20 <= len({record.arch for record in result.history}) <= 25 and result.info["ended"].endswith("they go")
    assert len({(record.arch, record.budget) for record in result.history}) == len(result.history)
    assert {record.budget for record in result.history} == {1, 3, 9}


def test_it_resumes_in_the_middle_of_a_rung(chain, regression, tmp_path):
    """Killed in a training, with the checkpoint some steps behind and trainings of the future on disk."""
    torch.manual_seed(0)
    config = hyperband.Config(8, 9, scheme="hyperband")
    whole = hyperband.search(chain, regression, config)
    path = create(tmp_path / "run", {})
    steps = next(i for i, record in enumerate(whole.history) if record.budget == 9)

    class Dying:
        io = regression.io

        def __init__(self, budget):
            self.budget = budget

        def fit(self, model, budget, *, on_epoch, **more):
            def told(done, loss):
                if self.budget and done == self.budget:
                    raise KeyboardInterrupt
                return on_epoch(done, loss)

            regression.fit(model, budget, on_epoch=told, **more)

        score, test, example = regression.score, regression.test, regression.example

    run = Run(path, every=math.inf, events=False)
    with pytest.raises(KilledError):
        hyperband.search(chain, regression, config, callbacks=[run, Killer(run, steps - 2, steps - 1)])
    run = Run(path, every=math.inf, events=False)
    with pytest.raises(KeyboardInterrupt):
        hyperband.search(chain, Dying(6), config, callbacks=[run])
    assert list(path.glob("trainings/*"))
    again = hyperband.search(chain, regression, config, callbacks=[Run(path, every=math.inf, events=False)])
    assert identical(again.history, whole.history) and again.best == whole.best
    assert identical(again.strategy.state_dict(), whole.strategy.state_dict())
    assert not (path / "trainings").exists()
    lines = [json.loads(line) for line in (path / "history.jsonl").read_text().splitlines()]
    assert [line["budget"] for line in lines] == [record.budget for record in whole.history]


def test_disk_holds_what_may_go_on(chain, regression, tmp_path):
    """At most `keep` on a rung, and what goes on at this moment."""
    counts = []

    class Counting(appnas.loop.Observer):
        def step(self, loop, record):
            counts.append(len(list(tmp_path.glob("run/trainings/*"))))

    appnas.search(
        chain, regression, "hyperband", evaluations=12, budget=9, keep=2, out=tmp_path / "run", callbacks=[Counting()]
    )
    assert 2 <= max(counts) <= 2 * 2 + 2 and len(counts) > 30


def test_workers_change_nothing(chain, regression):
    """Two draws at a time, in one process and in two: the same history."""

    class Two(appnas.loop.Observer):
        def start(self, loop):
            loop.batch = 2

    settings = {"evaluations": 3, "budget": 4, "eta": 2.0}
    alone = appnas.search(chain, regression, "hyperband", callbacks=[Two()], **settings)
    aside = appnas.search(chain, regression, "hyperband", workers=1, asks=2, **settings)
    assert identical(alone.history, aside.history) and alone.best == aside.best
    one = appnas.search(chain, regression, "hyperband", **settings)
    assert not identical(alone.history, one.history)


def test_failures_neither_end_nor_win_it(chain, regression):
    """Whatever cannot be trained to the top is passed over."""

    class Picky:
        io = regression.io

        def fit(self, model, budget, *, on_epoch, **more):
            lost = any(type(layer).__name__ == "Sigmoid" for layer in model.modules())

            def told(done, loss):
                if lost and done > 1:
                    raise RuntimeError("no sigmoids beyond the first rung")
                return on_epoch(done, loss)

            regression.fit(model, budget, on_epoch=told, **more)

        score, test, example = regression.score, regression.test, regression.example

    config = hyperband.Config(10, 9)
    result = hyperband.search(chain, Picky(), config)
    assert {record.budget for record in result.failures} == {3}
    assert result.best not in {record.arch for record in result.failures}


@pytest.fixture(scope="module")
def nb201(data):
    archs, columns = table_space.load("cifar10", data / "nasbench201")
    return Table(archs, columns, "valid200", withheld=("test200",), budgets={12: "valid12", 200: "valid200"})


def test_on_the_table(nb201):
    """12 and 200 epochs; at equal epochs, better cells than random search finds with trainings of 200."""
    space, found = table_space.Bench201(), {}
    for name, seed in itertools.product(("rungs", "random"), range(10)):
        if name == "rungs":
            config = hyperband.Config(30, 200, eta=10.0)
            result = hyperband.search(space, nb201, config, seed=seed)
            assert {record.budget for record in result.history} == {12, 200}
            assert all("valid200" not in r.metrics for r in result.history if r.budget == 12)
            assert sum(record.metrics["budget"] for record in result.history) <= 30 * 200
        else:
            result = baselines.random(space, nb201, baselines.RandomConfig(30), seed=seed)
        found.setdefault(name, []).append(nb201.test(result.best)["test200"])
    assert statistics.fmean(found["rungs"]) > statistics.fmean(found["random"]) + 0.2


def test_a_table_without_budgets(chain):
    with pytest.raises(ValueError, match=r"name the table's columns .*budgets=\{12: 'valid12'"):
        hyperband.search(chain, Table([(0, 0), (1, 1)], {"accuracy": [1.0, 2.0]}, "accuracy"), hyperband.Config(5, 10))


def test_a_table_without_a_budget_in_the_range(nb201):
    with pytest.raises(ValueError, match=r"\[12, 200\], none is from least=1 to budget=10"):
        hyperband.search(table_space.Bench201(), nb201, hyperband.Config(5, 10))
