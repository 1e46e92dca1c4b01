"""Every strategy that learns from scores does so on a space that it is used in, and does not where it cannot."""

import random
from functools import partial

import pytest
import torch

from appnas.estimate import Stateless
from appnas.methods import agnn, mnasnet, monas, radars, reinforce
from appnas.methods.reinforce import SETTINGS
from appnas.spaces import GNN, AlexNet, Bench201, Cells, GuideDag, Mnas
from appnas.strategy import EdgeWeights, Evolution, Generations, PolicyGradient, Random, Score, controller
from appnas.testing import LearningSuite


def policy(config, space, seed, rate):
    """The controller of a method's configuration."""
    rng = torch.Generator().manual_seed(seed)
    made = controller(config.controller, space.choices, rng, space.mask, config.hidden)
    settings = {name: getattr(config, name) for name in SETTINGS} | {"lr": rate * config.lr}
    return PolicyGradient(space, made, rng, batch=config.per_update, **settings)


class TestReinforce(LearningSuite):
    @pytest.fixture
    def space(self):
        return Bench201()

    @pytest.fixture(params=[{}, {"scaled": True, "entropy": 0.03, "per_update": 5}])
    def learner(self, request):
        return partial(policy, reinforce.Config(**{"lr": 0.05, **request.param}))


class TestReinforceWithAnLSTM(TestReinforce):
    seeds = 1

    @pytest.fixture
    def learner(self):
        return partial(policy, reinforce.Config(controller="lstm", hidden=24, lr=0.02))


class TestMnasNet(LearningSuite):
    seeds = 1

    @pytest.fixture
    def space(self):
        return Mnas(widths=(16, 24, 40), repeats=(2, 3, 3), strides=(1, 2, 2))

    @pytest.fixture(params=[{"hidden": 24, "lr": 0.005}, {"controller": "independent", "lr": 0.1}])
    def learner(self, request):
        return partial(policy, mnasnet.Config(**request.param))


class TestMonas(LearningSuite):
    seeds = 1

    @pytest.fixture
    def space(self):
        return AlexNet(layers=3)

    @pytest.fixture
    def learner(self):
        return partial(policy, monas.Config(lr=0.01))


class Edges(Stateless):
    """Wanted less unwanted edges that something reaches, in parts of all wanted."""

    def __init__(self, space):
        rng = random.Random("edges")
        self.space, self.signs = space, [rng.choice((-1, 1)) for choice in space.choices for _ in range(choice.count)]

    def score(self, draw):
        taken = self.space.reached(draw.arch)
        return Score(torch.tensor(sum(s * k for s, k in zip(self.signs, taken, strict=True)) / self.signs.count(1)))


class TestEdgeWeights(LearningSuite):
    """168 edges."""

    steps, margin = 400, 2.0

    @pytest.fixture
    def space(self):
        return GuideDag()

    @pytest.fixture
    def learner(self):
        return lambda space, seed, rate: EdgeWeights(space, random.Random(seed), 0.15 * rate)

    def oracle(self, space):
        return Edges(space)

    def test_the_rule_of_the_notes_learns_nothing(self, space):
        """It is kept for comparison; the notes' values are a tenth as far apart, for which the rate was 5."""
        for rate in (0.5, 10.0):
            notes = lambda space, seed, by, rate=rate: EdgeWeights(space, random.Random(seed), rate * by, rule="notes")  # noqa: E731
            assert abs(self.gain(space, notes)) < 0.5


class TestEdgeWeightsOfOptions(LearningSuite):
    @pytest.fixture
    def space(self):
        return Bench201()

    @pytest.fixture
    def learner(self):
        return lambda space, seed, rate: EdgeWeights(space, random.Random(seed), 0.15 * rate)


class TestRadars(LearningSuite):
    """While it prunes. The memory falls with every option, and is never small enough."""

    steps = 160

    @pytest.fixture
    def space(self):
        return Bench201()

    @pytest.fixture
    def learner(self):
        def make(space, seed, rate):
            config = radars.Config(episodes=40, lr=0.1 * rate, memory=0.0, least=0)
            return Pruning(space, seed, config, lambda inner: Random(inner, random.Random(seed)), 1)

        return make


class Pruning(radars.Pruned):
    """Its scores come from an oracle that measures no memory and knows no gates."""

    def ask(self):
        return super().ask()._replace(gates=None)

    def tell(self, draw, score):
        return super().tell(draw, Score(score.value, {**score.metrics, "memory_mib": 1.0}))


class TestEvolution(LearningSuite):
    rated, seeds = False, 6

    @pytest.fixture
    def space(self):
        return Cells()

    @pytest.fixture(params=[lambda s, r: Evolution(s, r, 20, 5), lambda s, r: Generations(s, r, 30, 8, 12, 12)])
    def learner(self, request):
        return lambda space, seed, rate: request.param(space, random.Random(seed))


class TestAGNN(LearningSuite):
    """It climbs without controllers that learn too, but not so far."""

    rated, steps = False, 120

    @pytest.fixture
    def space(self):
        return GNN()

    @pytest.fixture
    def learner(self):
        settings = {"hidden": 16, "clip": 1.0}
        return lambda space, seed, rate: agnn.Conservative(space, seed, agnn.Config(lr=0.03 * rate, **settings))

    def test_without_learning_they_do_not(self, space, learner):
        """So the control is what it gains without them: told noise, it stays where luck was greatest."""
        assert self.gain(space, learner) > self.gain(space, learner, 0.0) + 0.5
