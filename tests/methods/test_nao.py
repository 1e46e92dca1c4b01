"""appnas.methods.nao: both suites, from scratch and with shared weights; climbing; the pool; the effect on a table."""

import random
import statistics

import pytest

from appnas.estimate import Table
from appnas.methods import baselines, nao
from appnas.methods.nao import Climb, Config, climb
from appnas.predict import AutoEncoder
from appnas.space import random_arch
from appnas.spaces import Bench201
from appnas.spaces.images.bench201 import load
from appnas.strategy import PredictorGuided, Told
from appnas.testing import MethodSuite, StrategySuite, planted

TINY = {"start": 4, "rounds": 2, "new": 2, "hidden": 4, "embedding": 4, "epochs": 3, "parents": 3}


class TestStrategy(StrategySuite):
    @pytest.fixture
    def space(self, bench201):
        return bench201

    @pytest.fixture
    def make(self):
        return lambda space, seed: PredictorGuided(space, random.Random(seed), 4, Climb(space, seed, Config(**TINY)))


class TestOnATable(MethodSuite):
    method = "nao"
    settings = {**TINY, "layers": 1}  # noqa: RUF012

    @pytest.fixture
    def space(self, bench201):
        return bench201

    @pytest.fixture
    def domain(self, bench201):
        return planted(bench201)


class TestFromScratch(TestOnATable):
    settings = {**TINY, "budget": 1, "target": "rank"}  # noqa: RUF012

    @pytest.fixture
    def space(self, chain):
        return chain

    @pytest.fixture
    def domain(self, regression):
        return regression


class TestWithSharedWeights(TestFromScratch):
    settings = {**TINY, "rounds": 1, "estimation": "shared", "warmup": 1, "top": 2, "budget": 1}  # noqa: RUF012


@pytest.fixture(scope="module")
def fitted():
    """Fitted to 40 cells whose value is their number of convolutions."""
    space, rng = Bench201(), random.Random(0)
    archs = list(dict.fromkeys(random_arch(space, rng) for _ in range(40)))
    model = AutoEncoder(space, 0, hidden=16, embedding=8, kind_of_target="rank", epochs=80, lr=1e-2)
    model.fit(archs, [float(sum(option in (2, 3) for option in arch)) for arch in archs])
    return model, archs


def test_the_step_grows_until_enough_is_new(fitted):
    model, archs = fitted
    few, first = climb(model, archs, set(archs), 3, 1.0, 100.0)
    many, last = climb(model, archs, set(archs), 40, 1.0, 100.0)
    assert len(set(few)) == 3 and not set(few) & set(archs) and first < last
    assert not set(many) & set(archs) and many[:3] == few
    none, step = climb(model, archs, set(archs), 40, 0.1, 0.2)
    assert len(none) < 40 and step == pytest.approx(0.2)


def test_what_is_missing_is_drawn_at_random_and_counted(bench201):
    told = [Told(random_arch(bench201, random.Random(i)), float(i)) for i in range(5)]
    proposer = Climb(bench201, 0, Config(**{**TINY, "new": 6, "eta": 1e-6, "largest": 1e-6, "epochs": 30}))
    new = proposer.propose(told)
    assert len(set(new)) == 6 and not set(new) & {arch for arch, _ in told}
    assert 0 < proposer.drawn <= 6 and proposer.steps == [1e-6]


def test_with_shared_weights_the_worst_of_the_pool_give_way(bench201):
    """Only the last scores of the pool count, and half of it stays, the best first."""
    archs = list(dict.fromkeys(random_arch(bench201, random.Random(i)) for i in range(6)))[:4]
    told = [Told(arch, float(i)) for i, arch in enumerate(archs)] + [
        Told(arch, float(-i)) for i, arch in enumerate(archs)
    ]
    pool = Climb(bench201, 0, Config(**TINY, estimation="shared")).propose(told)
    assert len(pool) == 4 and pool[:2] == archs[:2] and not set(pool[2:]) & set(archs)


def test_the_supernet_is_trained_on_the_pool_alone(chain, regression):
    config = Config(**{**TINY, "rounds": 1}, estimation="shared", warmup=2, top=1, budget=1)
    result = nao.search(chain, regression, config)
    train = 2 * regression.epoch("train")
    cycle = train + 4
    assert len(result.history) == 2 * cycle + 1 and result.evaluator.evaluator.step == 2 * train
    for start in (0, cycle):
        pool = {record.arch for record in result.history[start + train : start + cycle]}
        assert {record.arch for record in result.history[start : start + train]} <= pool
    assert result.best == result.history[-1].arch


def test_weight_sharing_needs_data(bench201):
    with pytest.raises(TypeError, match="a domain with data"):
        nao.search(bench201, planted(bench201), Config(estimation="shared"))
    with pytest.raises(ValueError, match=r"0 < eta <= largest"):
        Config(eta=20.0, largest=10.0)


@pytest.mark.slow
def test_it_beats_random_search_on_the_table(data):
    """250 look-ups with rank targets, as in benchmarks/nao.py, but a shorter fit."""
    archs, columns = load()
    table, space = Table(archs, {"value": columns["test200"]}, "value"), Bench201()
    config = Config(start=100, rounds=3, new=50, parents=50, target="rank", epochs=300)
    found = [nao.search(space, table, config, seed=seed).value for seed in range(3)]
    control = [baselines.random(space, table, baselines.RandomConfig(250), seed=seed).value for seed in range(20)]
    assert statistics.fmean(found) > statistics.fmean(control)
