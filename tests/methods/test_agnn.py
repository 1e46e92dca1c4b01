"""appnas.methods.agnn: both suites; small steps in one class; its controller alone learns; the effect on a table."""

import statistics

import pytest
import torch

from appnas.estimate import Table
from appnas.methods import agnn, baselines
from appnas.methods.agnn import Config, Conservative
from appnas.space import describe
from appnas.spaces import GNN, NASBenchGraph
from appnas.spaces.graphs.nasbenchgraph import load
from appnas.strategy import Draw, Score
from appnas.testing import MethodSuite, StrategySuite, planted

TINY = {"evaluations": 5, "budget": 2, "warmup": 1, "hidden": 8, "top": 2, "repeats": 1}


class TestStrategy(StrategySuite):
    @pytest.fixture
    def space(self):
        return NASBenchGraph()

    @pytest.fixture
    def make(self):
        return lambda space, seed: Conservative(space, seed, Config(hidden=8))


class TestWithARule(TestStrategy):
    """Proposals that break the rule on widths are drawn again, and mended at last."""

    @pytest.fixture
    def space(self):
        return GNN(widest=32)

    @pytest.fixture
    def make(self):
        return lambda space, seed: Conservative(
            space, seed, Config(hidden=8, tries=1, classes=2, guide="uniform", start=3)
        )


class TestOnAGraph(MethodSuite):
    method = "agnn"
    settings = TINY

    @pytest.fixture
    def space(self):
        pytest.importorskip("torch_geometric")
        return GNN(widest=16)

    @pytest.fixture
    def domain(self, ring):
        return ring


class TestFromScratch(MethodSuite):
    method = "agnn"
    settings = {**TINY, "evaluations": 7, "sharing": "none", "repeats": 0}  # noqa: RUF012


class TestOnATable(TestFromScratch):
    settings = {**TINY, "evaluations": 9}  # noqa: RUF012

    @pytest.fixture
    def domain(self, chain):
        return planted(chain)


def score(value):
    return Score(torch.tensor(float(value)))


def started(config=None, space=None, value=50.0):
    strategy = Conservative(space or GNN(), 0, config or Config(hidden=8))
    first = strategy.ask()
    strategy.tell(first, score(value))
    return strategy, first.arch


@pytest.mark.parametrize("classes", [1, 2])
def test_a_step_changes_so_many_classes_in_all_layers(classes):
    strategy, best = started(Config(hidden=8, classes=classes))
    now = describe(strategy.space.choices, best)
    seen = set()
    for _ in range(80):
        named = describe(strategy.space.choices, strategy.ask().arch)
        changed = {name for name in named if named[name] != now[name]}
        assert 0 < len(changed) <= classes
        seen |= changed
    assert seen == set(now)


def test_only_the_chosen_controller_learns():
    strategy, _ = started()
    strategy.baseline = 0.0
    before = [[w.clone() for w in c.parameters()] for c in strategy.controllers]
    draw = strategy.ask()
    ((c, _),) = strategy.waiting[0].changes
    strategy.tell(draw, score(60))
    moved = [
        any(not torch.equal(a, b) for a, b in zip(old, controller.parameters(), strict=True))
        for old, controller in zip(before, strategy.controllers, strict=True)
    ]
    assert moved == [i == c for i in range(6)]


@pytest.mark.parametrize(("value", "direction"), [(90, 1), (10, -1)])
def test_a_good_change_becomes_more_probable(value, direction):
    strategy, _ = started(Config(hidden=8, lr=0.01))
    strategy.baseline = 0.0
    draw = strategy.ask()
    ((c, actions),) = strategy.waiting[0].changes
    known, controller = strategy.known[c], strategy.controllers[c]
    before = controller.evaluate(torch.tensor([actions]), known)[0]
    strategy.tell(draw, score(value))
    after = controller.evaluate(torch.tensor([actions]), known)[0]
    assert float((after - before).detach()) * direction > 0


def test_the_reward_is_the_gain_over_the_best_clipped():
    strategy, best = started(Config(hidden=8, clip=5.0, momentum=0.0))
    strategy.tell(strategy.ask(), score(53))
    assert strategy.baseline == pytest.approx(3.0)
    strategy.tell(strategy.ask(), score(99))
    assert strategy.baseline == pytest.approx(5.0) and strategy.best() != best


@pytest.mark.parametrize(
    ("guide", "shares"),
    [
        ("proportional", [0.5, 0.25, 0.25]),
        ("softmax", [0.576, 0.212, 0.212]),
        ("argmax", [1.0, 0.0, 0.0]),
        ("uniform", [1 / 3, 1 / 3, 1 / 3]),
    ],
)
def test_guides(guide, shares):
    strategy, _ = started(Config(hidden=8, guide=guide))
    drawn = torch.tensor([strategy._guide(torch.tensor([2.0, 1.0, 1.0])) for _ in range(600)]).flatten()
    found = torch.bincount(drawn, minlength=3) / 600
    torch.testing.assert_close(found, torch.tensor(shares), atol=0.07, rtol=0)


def test_more_classes_than_the_space_has():
    with pytest.raises(ValueError, match="has 5 classes"):
        Conservative(NASBenchGraph(), 0, Config(classes=6))


def test_learning_rate_zero_only_mutates():
    strategy, _ = started(Config(hidden=8, lr=0.0))
    before = [w.clone() for c in strategy.controllers for w in c.parameters()]
    for value in (60, 20, 70):
        strategy.tell(strategy.ask(), score(value))
    assert all(
        torch.equal(a, b)
        for a, b in zip(before, [w for c in strategy.controllers for w in c.parameters()], strict=True)
    )


def test_conservative_steps_beat_random_search_on_a_real_table():
    """NAS-Bench-Graph, arxiv: 60 evaluations, 5 seeds, validation (benchmarks/nasbenchgraph.py has the whole claim)."""
    pytest.importorskip("nas_bench_graph")
    table, space = Table(*load("arxiv"), "valid", withheld=["test"]), NASBenchGraph()
    ours = [agnn.search(space, table, Config(60, hidden=16), seed=seed).value for seed in range(5)]
    random = [baselines.random(space, table, baselines.RandomConfig(60), seed=seed).value for seed in range(5)]
    assert statistics.fmean(ours) > statistics.fmean(random)


def test_a_climb_that_brings_nothing_new_begins_anew():
    space = NASBenchGraph()
    value = planted(space, 0)
    seen = {}
    for restart in (0, 5):
        strategy = Conservative(space, 0, Config(hidden=8, restart=restart, lr=0.0))
        draws = []
        for _ in range(300):
            draw = strategy.ask()
            draws.append(draw.arch)
            strategy.tell(draw, value.score(draw))
        seen[restart] = len(set(draws)), strategy.archive.value
        assert strategy.best() == max(draws, key=lambda arch: float(value.score(Draw(arch)).value))
    assert seen[5][0] > 1.5 * seen[0][0] and seen[5][1] >= seen[0][1]
