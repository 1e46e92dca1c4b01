"""Choices of the training beside those of the network: every score method, resumed, retrained, exported, reported."""

import json

import pytest
import torch
from test_matrix import NEEDS, TINY_SETTINGS

import appnas
from appnas.api.resolving import resolved
from appnas.cli import flags, main
from appnas.domains.images import Images
from appnas.loop import Observer
from appnas.retrain import export, load
from appnas.run.provenance import load_space
from appnas.space import WithTraining, check, describe
from appnas.spaces import Bench201
from appnas.spaces.images import bench201 as table_space
from appnas.testing import MethodSuite, identical, planted

TUNE = {"lr": [0.1, 0.01], "weight_decay": [0.0, 1e-3], "batch": [16, 32]}
EVOLUTION = {"evaluations": 5, "budget": 1, "population": 2, "sample": 2}


class TestEvolutionOfBoth(MethodSuite):
    """Same seed, same bits; resumed bit for bit; the strategy reaches no data."""

    method = "evolution"
    settings = {"evaluations": 7, "budget": 1, "population": 3, "sample": 2}  # noqa: RUF012

    @pytest.fixture
    def space(self, bench201):
        return WithTraining(bench201, TUNE)

    @pytest.fixture
    def domain(self, digits):
        return digits


class Seen(Images):
    """Digits that remember how networks were trained."""

    def fit(self, model, budget, **more):
        recipe = self.options.recipe
        self.log.append((recipe.lr, recipe.weight_decay, self.options.batch, budget))
        super().fit(model, budget, **more)


@pytest.fixture
def seen(digits):
    made = Seen.__new__(Seen)
    made.__dict__.update(digits.__dict__)
    made.log = []
    return made


@pytest.mark.parametrize("method", NEEDS["scores"])
def test_every_method_that_trains_each_architecture(method, bench201, seen):
    """What an architecture says is what it is trained by; the domain itself stays as it was."""
    result = appnas.search(bench201, seen, method, tune=TUNE, **TINY_SETTINGS[method])
    space = result.space
    assert check(space, result.best) == result.best and space.space is bench201
    budgets = [record.metrics["budget"] for record in result.history if "budget" in record.metrics]
    told = [tuple(space.training(r.arch).values()) for r in result.history]
    assert {log[:3] for log in seen.log} == set(told)
    assert len(seen.log) >= len([b for b in budgets if b]) and seen.options.recipe.lr == 0.025


@pytest.mark.parametrize("method", ["darts", "freenas", "fewshot", "zerocost"])
def test_methods_that_share_weights_or_train_none_refuse_in_a_line(method, bench201, digits):
    with pytest.raises(TypeError, match=r"take a method that trains|by a method that trains") as error:
        appnas.search(bench201, digits, method, tune=TUNE, **TINY_SETTINGS[method])
    assert "\n" not in str(error.value)


def test_names_values_and_tables(bench201, digits):
    with pytest.raises(ValueError, match=r"has no 'rate' that can be chosen; it has .*lr"):
        appnas.search(bench201, digits, "random", tune={"rate": [0.1]})
    with pytest.raises(ValueError, match="lr must be at least 0, got -1"):
        appnas.search(bench201, digits, "random", tune={"lr": [-1.0, 0.1]})
    with pytest.raises(ValueError, match=r"a budget is a whole number of epochs .*got 0"):
        appnas.search(bench201, digits, "random", tune={"budget": [0, 2]})
    archs = [(0,) * 6, (1,) * 6]
    table = appnas.Table(archs, {"accuracy": [1.0, 2.0]}, "accuracy")
    with pytest.raises(TypeError, match="choosing lr needs a domain with data: what a Table tells was trained before"):
        appnas.search(table_space.Bench201(), table, "random", tune={"lr": [0.1, 1.0]})
    space = WithTraining(bench201, TUNE)
    assert appnas.search(space, planted(space), "random", evaluations=4).value > 0  # an evaluator may read the choices


def test_the_usual_method_is_one_that_can(bench201, digits):

    assert resolved(bench201, digits, "", TUNE)[2] == "evolution" and resolved(bench201, digits, "")[2] == "darts"


def test_the_budget_is_a_choice_too(bench201, seen):
    result = appnas.search(bench201, seen, "random", tune={"budget": [1, 2]}, evaluations=6, budget=9)
    assert [log[3] for log in seen.log] == [result.space.training(r.arch)["budget"] for r in result.history]
    seen.log.clear()
    trained = result.retrain()
    assert trained.epochs == result.space.training(result.best)["budget"] == seen.log[0][3]
    assert result.retrain(3).epochs == 3


class Stop(Observer):
    """Ends a search after two steps, as a crash would."""

    def step(self, loop, record):
        if loop.step == 3:
            raise KeyboardInterrupt


def test_a_run_remembers_and_goes_on(digits, tmp_path):
    made = Bench201(channels=2, repeats=1)
    whole = appnas.search(made, digits, "evolution", tune=TUNE, **EVOLUTION)
    with pytest.raises(KeyboardInterrupt):
        appnas.search(made, digits, "evolution", tune=TUNE, out=tmp_path / "run", callbacks=[Stop()], **EVOLUTION)
    saved = json.loads((tmp_path / "run/config.json").read_text())
    assert saved["space"]["name"] == "bench201" and saved["space"]["tune"] == {k: sorted(v) for k, v in TUNE.items()}
    for given in (None, made, WithTraining(made, TUNE)):
        assert load_space(saved, given) == WithTraining(made, TUNE)
    again = appnas.resume(tmp_path / "run", domain=digits)
    assert again.best == whole.best and identical(list(again.history), list(whole.history))


def test_retrained_beside_controls_exported_and_reported(seen, tmp_path):
    made = Bench201(channels=2, repeats=1)
    result = appnas.search(made, seen, "random", tune=TUNE, evaluations=3, budget=1, out=tmp_path / "run")
    seen.log.clear()
    trained = result.retrain(2, beside=["random", "nor_conv_3x3"])
    chosen = tuple(result.space.training(result.best).values())
    assert {log[:3] for log in seen.log} == {chosen}  # networks are compared, not recipes
    assert trained.rows[2].arch == (3,) * 6 + result.best[6:]
    text = str(result)
    assert f"training:\n  lr {chosen[0]}\n  weight_decay {chosen[1]}\n  batch {chosen[2]}" in text
    export(tmp_path / "run", tmp_path / "net", onnx=False, domain=seen)
    told = json.loads((tmp_path / "net/arch.json").read_text())
    assert told["options"] == describe(result.space.choices, result.best)
    assert told["options"]["training.lr"] == [str(chosen[0])]
    x = seen.example(4)
    torch.testing.assert_close(load(tmp_path / "net")(*x), trained.model(*x))
    page = result.report().read_text()
    assert "weight_decay" in page


def test_from_a_shell(tmp_path, capsys):
    assert flags.tuned(["lr=0.1,1", "flip=true,False", "optimiser=sgd,adam"]) == {
        "lr": [0.1, 1], "flip": [True, False], "optimiser": ["sgd", "adam"],
    }  # fmt: skip
    for wrong in ("lr", "lr=", "=0.1"):
        with pytest.raises(ValueError, match="--tune takes different names with their values"):
            flags.tuned([wrong])
    command = "search random --space bench201 --space.channels 2 --space.repeats 1 --domain.limit 64 --domain.batch 16"
    args = [*command.split(), "--evaluations", "2", "--budget", "1", "--out", str(tmp_path / "run")]
    assert main([*args, "--tune", "lr=0.1,0.01", "weight_decay=0,0.001"]) == 0
    assert "training:" in capsys.readouterr().out
    assert main(["retrain", str(tmp_path / "run"), "--epochs", "1", "--beside", "random"]) == 0
    assert main(["report", str(tmp_path / "run")]) == 0
    assert main(["search", "darts", "--space", "bench201", "--tune", "lr=0.1,0.01", "--out", str(tmp_path / "no")]) == 2
    assert "cannot be chosen with the architecture" in capsys.readouterr().err


def test_workers_train_by_it_too(bench201, digits):
    alone, spread = (
        appnas.search(bench201, digits, "random", tune=TUNE, evaluations=3, budget=1, **more)
        for more in ({}, {"workers": 1, "asks": 1})
    )
    assert identical(list(alone.history), list(spread.history))
