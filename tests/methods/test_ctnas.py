"""appnas.methods.ctnas: both suites; the curriculum, pseudo-labels and ledger; the effect on a table."""

import random
import statistics
from collections import Counter

import pytest
import torch

from appnas.estimate import Table
from appnas.loop import search_loop
from appnas.methods import baselines, ctnas
from appnas.methods.ctnas import Against, Config, Contrast, Curriculum
from appnas.predict import Comparator
from appnas.space import random_arch
from appnas.spaces import Bench201
from appnas.spaces.images.bench201 import load
from appnas.strategy import Draw, PredictorGuided, Random
from appnas.testing import MethodSuite, StrategySuite, planted

TINY = {
    "width": 4,
    "layers": 1,
    "epochs": 2,
    "iterations": 12,
    "refresh": 5,
    "raise_every": 5,
    "pseudo": 3,
    "hidden": 4,
}


class TestStrategy(StrategySuite):
    @pytest.fixture
    def space(self, bench201):
        return bench201

    @pytest.fixture
    def make(self):
        return lambda space, seed: PredictorGuided(
            space, random.Random(seed), 4, Contrast(space, seed, Config(verify=3, **TINY))
        )


class TestOnATable(MethodSuite):
    method = "ctnas"
    settings = {"labels": 4, "verify": 3, **TINY}  # noqa: RUF012

    @pytest.fixture
    def space(self, bench201):
        return bench201

    @pytest.fixture
    def domain(self, bench201):
        return planted(bench201)


class TestFromScratch(TestOnATable):
    settings = {**TestOnATable.settings, "budget": 1, "form": "antisymmetric", "readout": "nodes"}  # noqa: RUF012

    @pytest.fixture
    def space(self, chain):
        return chain

    @pytest.fixture
    def domain(self, regression):
        return regression


class Known:
    """A comparator that knows the values of an oracle: Pr[a >= b] by their difference."""

    def __init__(self, oracle):
        self.oracle, self.learned = oracle, []

    def compare(self, first, second):
        values = [torch.tensor([self.oracle.of(arch) for arch in archs]) for archs in (first, second)]
        return (20 * (values[0] - values[1])).sigmoid()

    def wins(self, archs):
        return torch.stack([self.compare([arch] * len(archs), archs) for arch in archs])

    def learn(self, pseudo, ratio):
        self.learned.append((len(pseudo.label), ratio))


@pytest.fixture
def run(bench201):
    def _run(steps=40, **settings):
        oracle, ledger = planted(bench201), Counter()
        rng = random.Random(0)
        inner = Against(Known(oracle), random_arch(bench201, rng), ledger)
        curriculum = Curriculum(Config(refresh=10, raise_every=10, pseudo=4, **settings), inner, rng)
        result = search_loop(Random(bench201, rng), inner, steps, callbacks=[curriculum])
        return oracle, inner, curriculum, result

    return _run


def test_the_baseline_never_falls(run):
    oracle, inner, curriculum, _ = run()
    values = [oracle.of(arch) for arch in curriculum.baselines]
    assert len(values) == 5 and values == sorted(values) and values[-1] > values[0]
    assert inner.baseline == curriculum.baselines[-1]


def test_controls_of_the_baseline(run):
    oracle, _, curriculum, _ = run(baseline="random")
    values = [oracle.of(arch) for arch in curriculum.baselines]
    assert len(values) == 5 and values != sorted(values)
    assert len(run(baseline="fixed")[2].baselines) == 1


def test_the_reward_is_the_probability_to_beat_the_baseline(run):
    oracle, inner, _, result = run(steps=9)
    for record in result.history:
        difference = oracle.of(record.arch) - oracle.of(inner.baseline)
        assert record.value == pytest.approx(1 / (1 + 2.718281828 ** (-20 * difference)), abs=1e-5)
    assert inner.ledger["comparisons"] == 9


def test_pseudo_labels_are_those_the_comparator_is_sure_of(run):
    oracle, inner, curriculum, _ = run()
    assert inner.ledger["pseudo-labels"] == 16 and inner.comparator.learned == [(4, 1), (8, 1), (12, 1), (16, 1)]
    for a, b, label in zip(*(column.tolist() for column in curriculum.pseudo), strict=True):
        assert label == (oracle.of(tuple(a)) > oracle.of(tuple(b)))
    assert not run(ratio=0.0)[1].ledger["pseudo-labels"]


def test_what_was_compared_is_forgotten_with_the_baseline(bench201):
    rng = random.Random(0)
    inner = Against(Known(planted(bench201)), random_arch(bench201, rng), Counter())
    arch = random_arch(bench201, rng)
    first = inner.score(Draw(arch))
    assert inner.score(Draw(arch)) is first
    inner.set(arch)
    assert float(inner.score(Draw(arch)).value) == pytest.approx(0.5)


def test_the_ledger(bench201):
    """Labels are paid for, comparisons and pseudo-labels are not; what is verified was never labelled before."""
    result = ctnas.search(bench201, planted(bench201), Config(labels=6, verify=3, **TINY))
    assert result.info["ledger"] == {"labels": 6, "fits": 1, "pseudo-labels": 6, "comparisons": 12}
    assert len({record.arch for record in result.history}) == 9


def test_what_the_comparator_ranks_first_is_verified(bench201):
    result = ctnas.search(bench201, planted(bench201), Config(labels=30, verify=5, **{**TINY, "epochs": 60}))
    comparator = result.strategy.proposer.comparator
    assert isinstance(comparator, Comparator)
    scores = comparator.predict([record.arch for record in result.history[30:]]).tolist()
    assert scores == sorted(scores, reverse=True)


@pytest.mark.slow
def test_it_beats_random_search_on_the_table(data):
    """156 labels and 10 verifications, as in benchmarks/ctnas.py, but a shorter fit."""
    archs, columns = load()
    table, space = Table(archs, {"value": columns["test200"]}, "value"), Bench201()
    config = Config(labels=156, epochs=300, iterations=1000, form="antisymmetric", readout="nodes", comparator_lr=1e-3)
    found = [ctnas.search(space, table, config, seed=seed).value for seed in range(3)]
    control = [baselines.random(space, table, baselines.RandomConfig(166), seed=seed).value for seed in range(20)]
    assert statistics.fmean(found) > statistics.fmean(control) + 0.1
