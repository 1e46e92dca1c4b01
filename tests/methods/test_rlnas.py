import dataclasses
import math

import pytest
import torch

import appnas
from appnas.methods import rlnas
from appnas.spaces import MLP, Bench201
from appnas.testing import MethodSuite, identical

TINY = {"epochs": 1, "generations": 2, "population": 4, "keep": 2, "mutants": 2, "crossed": 2}


class TestRandomLabels(MethodSuite):
    method = "rlnas"
    settings = TINY

    @pytest.fixture
    def space(self, bench201: Bench201) -> Bench201:
        return bench201

    @pytest.fixture
    def domain(self, digits):
        return digits


class TestOnAGraph(MethodSuite):
    method = "rlnas"
    settings = TINY

    @pytest.fixture
    def space(self):
        return appnas.run.catalogue.space_type("graphmix")(layers=2, hidden=4, heads=2)

    @pytest.fixture
    def domain(self, ring):
        return ring


class TestTrueLabelsAndScores(MethodSuite):
    method = "rlnas"
    settings = {**TINY, "labels": "true", "indicator": "score"}  # noqa: RUF012


def test_settings_of_the_repository():
    expected = {
        "epochs": 250, "lr": 0.025, "lr_min": 0.001, "momentum": 0.9, "weight_decay": 5e-4, "labels": "random",
        "indicator": "angle", "skip": "empty", "generations": 20, "population": 100, "keep": 30, "mutants": 50,
        "crossed": 50, "rate": 0.1,
    }  # fmt: skip
    assert expected.items() <= dataclasses.asdict(rlnas.Config()).items()


def test_the_best_has_turned_most_of_all_that_were_scored(bench201, digits):
    result = rlnas.search(bench201, digits, rlnas.Config(**TINY))
    steps = digits.epoch("train")
    scored = {record.arch: record.value for record in result.history[steps:]}
    assert len(result.history) == steps + 8 and scored[result.best] == max(scored.values())
    assert all(0 <= angle <= math.pi for angle in scored.values()) and max(scored.values()) > 0
    table = result.evaluator.table()(list(scored))
    torch.testing.assert_close(table, torch.tensor(list(scored.values()), dtype=torch.float64))


def test_the_labels_matter_to_the_weights(bench201, digits):
    ends = []
    for labels in ("random", "true"):
        result = rlnas.search(bench201, digits, rlnas.Config(**TINY, labels=labels))
        ends.append(result.evaluator.supernet.state_dict())
    assert not identical(*ends)


def test_where_it_cannot_go(digits, chain, regression):
    with pytest.raises(TypeError, match="MLP"):
        rlnas.search(MLP(width=4), digits, rlnas.Config(**TINY))
    with pytest.raises(TypeError, match="random_labels"):
        rlnas.search(chain, regression, rlnas.Config(**TINY))
