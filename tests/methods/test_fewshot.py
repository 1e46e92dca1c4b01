import dataclasses
import random

import pytest
import torch

from appnas.methods import fewshot
from appnas.methods.fewshot import leaf_of, leaves, path_in
from appnas.space import full_mask, restrict
from appnas.spaces import Bench201
from appnas.strategy import Draw
from appnas.testing import MethodSuite, identical

TINY = {"epochs": 1, "leaf_epochs": 1, "evaluations": 4}


class TestEvolution(MethodSuite):
    method = "fewshot"
    settings = TINY


class TestReinforce(TestEvolution):
    settings = {**TINY, "strategy": "reinforce", "transfer": False}  # noqa: RUF012


class TestOneShotControl(TestEvolution):
    settings = {**TINY, "split": (), "strategy": "random"}  # noqa: RUF012


class TestOnImages(TestEvolution):
    @pytest.fixture
    def space(self, bench201: Bench201) -> Bench201:
        return bench201

    @pytest.fixture
    def domain(self, digits):
        return digits


def test_settings_of_the_repository():
    expected = {
        "split": (0,), "epochs": 600, "leaf_epochs": 300, "lr": 0.025, "lr_min": 0.001, "momentum": 0.9,
        "weight_decay": 1e-4, "evaluations": 5000,
    }  # fmt: skip
    assert expected.items() <= dataclasses.asdict(fewshot.Config()).items()


def test_parts_are_those_that_hold_an_architecture(bench201, cells, chain):
    assert leaves(bench201, (0,)) == [(k,) for k in range(5)]
    assert len(leaves(bench201, (0, 5))) == 25
    assert leaves(cells, (0,)) == [(k,) for k in range(1, 8)]  # a first node keeps both its edges
    assert leaves(cells, (2,)) == [(k,) for k in range(8)]
    mask = full_mask(chain.choices)
    mask[0][1, :2] = False
    assert leaves(restrict(chain, mask), (1,)) == [(2,), (3,), (4,)]
    with pytest.raises(ValueError, match="0 to 5"):
        leaves(bench201, (6,))


def test_paths_inside_a_part_are_valid_and_uniform(cells, chain):
    rng = random.Random(0)
    for arch in (path_in(cells, (2,), (4,), rng) for _ in range(5)):
        assert cells.valid(arch) and leaf_of(arch, (2,)) == (4,)
    counts = torch.bincount(torch.tensor([path_in(chain, (0,), (1,), rng)[1] for _ in range(2000)]))
    torch.testing.assert_close(counts / 2000, torch.full((5,), 0.2), atol=0.04, rtol=0)
    with pytest.raises(ValueError, match="within 50 draws"):
        path_in(cells, (0,), (0,), rng, tries=50)


def train(chain, regression, **more):
    return fewshot.search(chain, regression, fewshot.Config(**{**TINY, "weight_decay": 0.0, **more}))


def test_every_part_inherits_and_then_trains_its_own_paths_alone(chain, regression):
    result = train(chain, regression)
    evaluator, epoch = result.evaluator, regression.epoch("train")
    assert len(evaluator.parts) == 5 and evaluator.step == 6 * epoch
    archs = [record.arch for record in result.history]
    for k in range(5):
        assert {arch[0] for arch in archs[(k + 1) * epoch : (k + 2) * epoch]} == {k}
    parent, leaf = dict(evaluator.supernet.named_parameters()), dict(evaluator.parts[2,].supernet.named_parameters())
    outside = [name for name in parent if name.startswith("layers.0.") and not name.startswith("layers.0.tanh")]
    assert len(outside) == 4 and all(torch.equal(parent[name], leaf[name]) for name in outside)
    assert not torch.equal(parent["layers.0.tanh.0.weight"], leaf["layers.0.tanh.0.weight"])
    assert not torch.equal(parent["first.weight"], leaf["first.weight"])


def test_without_training_a_part_is_the_first_supernet_or_a_new_one(chain, regression):
    for transfer in (True, False):
        evaluator = train(chain, regression, transfer=transfer, lr=0.0, lr_min=0.0).evaluator
        same = identical(evaluator.parts[2,].supernet.state_dict(), evaluator.supernet.state_dict())
        assert same == transfer


def test_an_architecture_is_scored_by_its_own_part(chain, regression):
    result = train(chain, regression)
    evaluator = result.evaluator
    for arch in ((2, 4), (4, 2)):
        value = float(evaluator.score(Draw(arch)).value)
        assert value == float(evaluator.parts[arch[:1]].measure(arch).value)
        assert value != float(evaluator.measure(arch).value)


def test_the_control_spends_the_same_budget_on_one_supernet(chain, regression):
    few, one = train(chain, regression), train(chain, regression, split=(), epochs=6)
    assert few.evaluator.step == one.evaluator.step == len(one.history) - 4
    assert not one.evaluator.parts
