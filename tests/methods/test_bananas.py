"""appnas.methods.bananas: the suite with every predictor, what ranks candidates, children, what is proposed."""

import random
from functools import partial

import pytest
import torch

from appnas.methods import bananas, baselines
from appnas.methods.bananas import Config, Offspring, acquire, bootstrapped
from appnas.predict import Reference
from appnas.space import mutate, neighbours
from appnas.strategy import Told
from appnas.testing import MethodSuite, planted

TINY = {"start": 4, "batch": 2, "children": 6, "members": 2, "trees": 3, "epochs": 2}


class TestOnVectors(MethodSuite):
    method = "bananas"
    settings = {**TINY, "evaluations": 9, "budget": 1}  # noqa: RUF012


class TestRidgeAndThompson(MethodSuite):
    method = "bananas"
    settings = {**TINY, "evaluations": 12, "predictor": "ridge", "acquisition": "its"}  # noqa: RUF012

    @pytest.fixture
    def space(self, cells):
        return cells

    @pytest.fixture
    def domain(self, cells):
        return planted(cells)


class TestGraphs(TestRidgeAndThompson):
    settings = {**TINY, "evaluations": 8, "predictor": "gcn", "acquisition": "mean"}  # noqa: RUF012


def test_what_ranks_candidates_by_hand():
    predictions = torch.tensor([[1.0, 0.0, 2.0], [3.0, 0.0, 4.0]])
    assert acquire(predictions, "mean", 9.0, torch.Generator()).tolist() == [2, 0, 3]
    assert acquire(predictions, "ucb", 0.5, torch.Generator()).tolist() == [2.5, 0, 3.5]
    drawn = acquire(predictions, "its", 9.0, torch.Generator().manual_seed(0))
    noise = torch.randn(3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(drawn, torch.tensor([2.0, 0, 3]) + torch.tensor([1.0, 0, 1]) * noise)
    assert acquire(predictions[:1], "ucb", 0.5, torch.Generator()).tolist() == [1, 0, 2], "one member has no deviation"


def test_members_differ(bench201):
    """Ridge regressions do by what they are fitted to."""
    rng = random.Random(0)
    archs = [(k, 1, 2, 3, 4, 0) for k in range(5)] + [(0, k, 1, 1, 1, 1) for k in range(5)]
    values = [float(sum(arch)) for arch in archs]
    members = [Reference(bench201, "ridge") for _ in range(3)]
    for member in members:
        bootstrapped(member, archs, values, rng)
    found = [tuple(member.predict(archs).tolist()) for member in members]
    assert len({*found}) == 3
    last = Reference(bench201, "ridge")
    bootstrapped(last, archs[:2], [1.0, 2.0], random.Random(0))  # a draw of one value alone cannot be fitted
    assert last.predict(archs[:1]).isfinite().all()


@pytest.mark.parametrize("predictor", ["forest", "ridge"])
def test_children_of_the_best_come_that_are_liked(bench201, predictor):
    """Told the sum of the indices, it proposes near the best, new and above what random children have."""
    rng, config = random.Random(0), Config(children=60, batch=8, parents=2, further=0.0, predictor=predictor, trees=20)
    archs = list({tuple(rng.randrange(5) for _ in range(6)) for _ in range(100)})
    told = [Told(arch, float(sum(arch))) for arch in archs]
    top = sorted(archs, key=sum, reverse=True)[:2]
    proposer = Offspring(bench201, 0, bananas.member(bench201, config), config, bootstrap=predictor == "ridge")
    batch = proposer.propose(told)
    near = {arch for parent in top for arch in neighbours(bench201, parent)}
    assert len({*batch}) == 8 and {*batch} <= near - {*archs}
    children = [mutate(bench201, rng.choice(top), rng) for _ in range(300)]
    assert sum(map(sum, batch)) / 8 > sum(map(sum, children)) / 300 + 1
    assert not {*proposer.propose(told)} & {*batch}, "what was proposed is not proposed again, whatever was told of it"


def test_nothing_is_proposed_where_all_was_told(chain):
    config = Config(children=9, trees=2, members=1)
    archs = [(a, b) for a in range(5) for b in range(5)]
    proposer = Offspring(chain, 0, bananas.member(chain, config), config)
    assert proposer.propose([Told(arch, float(sum(arch))) for arch in archs]) == []


def test_networks_once_where_the_space_can_tell(bench201):
    search = partial(bananas.search, bench201, planted(bench201))
    for distinct in (True, False):
        archs = [r.arch for r in search(Config(100, predictor="ridge", distinct=distinct)).history]
        assert len({*archs}) == 100
        assert (len({bench201.canonical(arch) for arch in archs}) == 100) is distinct


def test_it_beats_random_search(bench201):
    oracle = planted(bench201)
    guided = [bananas.search(bench201, oracle, Config(80, trees=20), seed=seed).value for seed in range(2)]
    plain = [baselines.random(bench201, oracle, baselines.RandomConfig(80), seed=seed).value for seed in range(2)]
    assert min(guided) > max(plain) + 0.05


def test_settings_are_checked(bench201, monkeypatch):
    with pytest.raises(ValueError, match="below 1, got 1"):
        Config(further=1.0)
    with pytest.raises(ValueError, match="did you mean 'forest'"):
        Config(predictor="forrest")
    monkeypatch.setitem(__import__("sys").modules, "sklearn.ensemble", None)
    with pytest.raises(ImportError, match=r"appnas\[predictors\]"):
        bananas.search(bench201, planted(bench201))
