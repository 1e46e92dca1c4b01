"""appnas.methods.gcn_fit: both suites, with shared weights too; segments and super-cells; costs applied afterwards."""

import random
import statistics

import pytest
import torch

from appnas.estimate import Stateless
from appnas.methods import gcn_fit
from appnas.methods.gcn_fit import Config, Fit, within
from appnas.space import restrict, without
from appnas.spaces import Bench201, Cells
from appnas.strategy import PredictorGuided, Score
from appnas.testing import MethodSuite, StrategySuite, planted

TINY = {"pairs": 4, "keep": 2, "width": 4, "layers": 1, "epochs": 2}


class TestStrategy(StrategySuite):
    @pytest.fixture
    def space(self, bench201):
        return bench201

    @pytest.fixture
    def make(self):
        return lambda space, seed: PredictorGuided(
            space, random.Random(seed), 4, Fit(space, seed, Config(**TINY, segment=3, listed=100, samples=20))
        )


class TestOnATable(MethodSuite):
    method = "gcn_fit"
    settings = {**TINY, "segment": 4, "listed": 300, "samples": 20}  # noqa: RUF012

    @pytest.fixture
    def space(self, bench201):
        return bench201

    @pytest.fixture
    def domain(self, bench201):
        return planted(bench201)


class TestFromScratch(TestOnATable):
    settings = {**TINY, "pairs": 6, "estimation": "scratch", "budget": 1, "predictor": "ridge"}  # noqa: RUF012

    @pytest.fixture
    def space(self, chain):
        return chain

    @pytest.fixture
    def domain(self, regression):
        return regression


class TestWithSharedWeights(TestFromScratch):
    settings = {**TINY, "pairs": 6, "warmup": 2}  # noqa: RUF012


class Noisy(Stateless):
    """An oracle's value with an error that stays the same for an architecture."""

    def __init__(self, oracle, deviation):
        self.oracle, self.deviation = oracle, deviation

    def score(self, draw):
        error = random.Random(f"error {draw.arch}").gauss(0, self.deviation)
        return Score(torch.tensor(self.oracle.of(draw.arch) + error))


def test_the_fit_is_nearer_to_the_truth_than_the_best_of_the_scores():
    """Errors as large as the spread of the values: the largest score is a lucky one, the largest prediction is not."""
    space = Bench201()
    regrets = {"fit": [], "score": []}
    for seed in range(3):
        oracle = planted(space, seed)
        config = Config(pairs=150, predictor="ridge")
        result = gcn_fit.search(space, Noisy(oracle, 0.15), config, seed=seed)
        luckiest = max(result.history, key=lambda record: record.value).arch
        regrets["fit"].append(1 - oracle.of(result.best))
        regrets["score"].append(1 - oracle.of(luckiest))
        assert len(result.history) == 151 and result.history[-1].arch == result.best
    assert statistics.fmean(regrets["fit"]) < 0.6 * statistics.fmean(regrets["score"])


def test_segments_keep_their_best_members(bench201):
    """6 decisions in segments of 3: 3, then 2 more, then 1; every sample begins with an option of the super-cell."""
    oracle = planted(bench201)
    result = gcn_fit.search(bench201, oracle, Config(pairs=60, segment=3, keep=4, predictor="ridge"))
    fit = result.strategy.proposer
    assert fit.ends == [3, 5, 6] and fit.stage == 3 and len(result.history) == 181
    assert len(fit.supercell) == 4 and all(len(prefix) == 5 for prefix in fit.supercell)
    assert {record.arch[:5] for record in result.history[120:]} == set(fit.supercell)
    assert len({record.arch[:3] for record in result.history[60:120]}) == 4
    assert oracle.of(result.best) > 0.95 and len(fit.fitted.archs) == 4 * 5


def test_rules_and_masks_are_kept():
    cells = Cells(nodes=2)
    for space in (cells, restrict(cells, without(cells.choices, ["max_pool_3x3", "skip_connect"]))):
        config = Config(**TINY, segment=4, listed=40, samples=20)
        result = gcn_fit.search(space, planted(space), config)
        assert all(space.valid(record.arch) for record in result.history)
        assert all(space.valid(tuple(row)) for row in result.strategy.proposer.fitted.archs.tolist())


def test_a_cost_limit_needs_neither_scores_nor_a_fit(bench201):
    oracle = planted(bench201)
    result = gcn_fit.search(bench201, oracle, Config(pairs=100, predictor="ridge"))

    def cost(arch):
        return float(sum(9 * (option == 3) + (option == 2) for option in arch))

    archs, scores = result.strategy.proposer.fitted
    assert len(archs) == 15_625 and torch.equal(scores, scores.sort(descending=True).values)
    assert within(result, cost, 54.0) == result.best
    for limit in (20.0, 9.0, 0.0):
        found = within(result, cost, limit)
        assert cost(found) <= limit
        place = archs.tolist().index(list(found))
        assert all(cost(row) > limit for row in archs[:place].tolist())
    with pytest.raises(ValueError, match="none of the 15625 architectures"):
        within(result, cost, -1.0)
    with pytest.raises(ValueError, match="not finished"):
        Fit(bench201, 0, Config()).within(cost, 1.0)


def test_shared_weights_are_trained_first(chain, regression):
    result = gcn_fit.search(chain, regression, Config(**TINY, warmup=3))
    train = 3 * regression.epoch("train")
    assert len(result.history) == train + 5 and result.evaluator.step == train
    assert within(result, lambda arch: 0.0, 1.0) == result.best
