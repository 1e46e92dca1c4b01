import math
from functools import partial

import pytest
import torch

from appnas.loop import search_loop
from appnas.strategy import Descent, Draw, MLEGuided, RandomDirections, Score, ZeroOrder
from appnas.strategy.zero_order import sphere
from appnas.testing import StrategySuite, judge, planted

RNG = torch.Generator


def zero(space, seed, estimator=None, **more):
    return ZeroOrder(space, RNG().manual_seed(seed), estimator or MLEGuided(4, 0.5, 0.05, 0.5), **more)


MAKERS = {
    "mgs": zero,
    "free": partial(zero, estimator=MLEGuided(4, 0.5, 0.05, 1.0), warmup=2),
    "rs": partial(zero, estimator=RandomDirections(3, 0.3, 1.0)),
    "gld": partial(zero, estimator=Descent(4, 2.0)),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
class TestOnVectors(StrategySuite):
    @pytest.fixture
    def space(self, chain):
        return chain


class TestOnCells(StrategySuite):
    @pytest.fixture
    def space(self, cells):
        return cells

    @pytest.fixture
    def make(self):
        return MAKERS["rs"]


@pytest.mark.parametrize("name", MAKERS)
def test_finds_the_planted_optimum_of_one_decision_after_another(name, chain):
    oracle = planted(chain)
    steps = {"mgs": 500, "free": 500, "rs": 800, "gld": 400}[name]
    values = judge(partial(MAKERS[name], chain), oracle, steps)
    assert min(values) > 0.8 and max(values) == pytest.approx(1.0)


def test_a_sphere_is_a_sphere():
    points = sphere(500, 3, RNG().manual_seed(0))
    torch.testing.assert_close(points.norm(dim=1), torch.ones(500))
    assert points.mean(0).abs().max() < 0.1


def test_random_directions_by_hand():
    """d = 2, one pair, mu = 0.5, u = (1, 0): -rate * 2 / (2 * 0.5) * (3 - 1) * u."""
    estimator = RandomDirections(1, 0.5, 0.1)
    tried = torch.tensor([[0.5, 0.0], [-0.5, 0.0]])
    move = estimator.move(tried, torch.tensor([3.0, 1.0]).double(), torch.zeros(2), 1.0)
    torch.testing.assert_close(move.step, torch.tensor([-0.4, 0.0]).double())
    lost = estimator.move(tried, torch.tensor([math.inf, 1.0]).double(), torch.zeros(2), 1.0)
    assert not lost.step.any() and lost.effective == 0


def test_random_directions_are_the_gradient_of_a_linear_loss():
    slope = torch.tensor([1.0, -2.0, 0.5])
    estimator = RandomDirections(20_000, 0.1, 1.0)
    tried = estimator.propose(torch.zeros(3), 1.0, RNG().manual_seed(0))
    torch.testing.assert_close(tried[:20_000], -tried[20_000:])
    step = estimator.move(tried, (tried @ slope).double(), torch.zeros(3), 1.0).step
    torch.testing.assert_close(step, -slope.double(), atol=0.03, rtol=0)


def test_guided_weights_by_hand():
    """exp(-l / tau) = 1, 1/3: weights 3/4 and 1/4; 1 / (9/16 + 1/16) samples."""
    estimator = MLEGuided(2, 0.1, 0.5, 1.0)
    tried, losses = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0.0, 0.5 * math.log(3)]).double()
    move = estimator.move(tried, losses, torch.zeros(2), 1.0)
    torch.testing.assert_close(move.step, torch.tensor([0.75, 0.25]))
    assert move.effective == pytest.approx(1.6)
    broken = torch.full((2,), math.inf).double()
    assert (
        estimator.move(tried, broken, torch.zeros(2), 1.0) == (pytest.approx(0), 0)
        or not estimator.move(tried, broken, torch.zeros(2), 1.0).step.any()
    )


def test_proposals_come_from_both_parts_in_proportion():
    slope, rng = torch.tensor([100.0, 0.0]), RNG().manual_seed(0)
    for mixture, expected in ((0.5, 2.0), (0.25, 1.0), (0.125, 0.5), (0.0, 0.0), (1.0, 4.0)):
        estimator = MLEGuided(4, 0.1, 0.01, mixture)
        free = [int((estimator.propose(slope, 1.0, rng)[:, 0] > -50).sum()) for _ in range(400)]
        assert sum(free) / 400 == pytest.approx(expected, abs=0.1)
        assert max(free) - min(free) <= (mixture == 0.125)
    narrow = MLEGuided(1000, 0.1, 0.01, 1.0).propose(torch.zeros(2), 0.5, rng)
    assert float(narrow.std()) == pytest.approx(0.05, rel=0.1)


def test_the_density_of_a_proposal():
    """Two Gaussians of deviation 0.5 at (-1, 0) and 0, up to the constant 1 / (2 pi s^2)."""
    estimator, slope = MLEGuided(2, 0.5, 0.01, 0.25), torch.tensor([1.0, 0.0])
    found = estimator.log_proposal(torch.tensor([[-1.0, 0.0], [0.0, 0.0]]), slope, 1.0).exp()
    torch.testing.assert_close(found, torch.tensor([0.75 + 0.25 * math.exp(-2), 0.25 + 0.75 * math.exp(-2)]))


def test_corrections_cost_effective_samples():
    """In 200 dimensions the full correction lets one sample decide; clipped, it lets the others speak."""
    rng, slope = RNG().manual_seed(0), torch.zeros(200)
    effective = {}
    for correction in ("none", "clipped", "full"):
        estimator = MLEGuided(8, 0.1, 0.01, 0.5, correction)
        moves = [
            estimator.move(estimator.propose(slope, 1.0, rng), torch.zeros(8).double(), slope, 1.0) for _ in range(50)
        ]
        effective[correction] = sum(m.effective for m in moves) / 50
    assert effective["none"] == pytest.approx(8)
    assert 1 <= effective["full"] < effective["clipped"] < 2.5


def test_the_full_correction_is_unbiased_for_its_target():
    """l = u^2 / 2, tau = 1: the target is N(0, 1), whatever the proposal's centre."""
    estimator = MLEGuided(100_000, 1.0, 1.0, 0.5, "full")
    slope = torch.tensor([1.0])
    tried = estimator.propose(slope, 1.0, RNG().manual_seed(0))
    losses = (tried.square().sum(1) / 2).double()
    assert float(estimator.move(tried, losses, slope, 1.0).step) == pytest.approx(0.0, abs=0.02)


def test_descent_keeps_the_centre_unless_something_is_better():
    estimator = Descent(3, 0.8)
    tried = estimator.propose(torch.zeros(2), 1.0, RNG().manual_seed(0))
    assert tried.shape == (4, 2) and not tried[0].any()
    assert (tried[1:].norm(dim=1) <= torch.tensor([0.8, 0.4, 0.2])).all()
    even = torch.zeros(4).double()
    assert not estimator.move(tried, even, torch.zeros(2), 1.0).step.any()
    even[2] = -1.0
    torch.testing.assert_close(estimator.move(tried, even, torch.zeros(2), 1.0).step, tried[2])


def test_a_round_of_guided_search(chain):
    """Centre with a gradient, candidates without, then a step: its answer is what the weights learn on."""
    strategy = zero(chain, 0, MLEGuided(2, 0.1, 0.01, 0.0))
    assert strategy.length == 3
    centre = strategy.ask()
    assert centre.gates[0].requires_grad
    strategy.tell(centre, Score(centre.gates[0][0, 2]))
    p = torch.softmax(strategy.alpha[:5], 0)
    expected = -p[2] * (torch.eye(5)[2] - p)
    torch.testing.assert_close(strategy.slope[:5], expected)
    before = strategy.alpha
    for value, last in ((float("nan"), False), (0.0, True)):
        draw = strategy.ask()
        assert not draw.gates[0].requires_grad
        answer = strategy.tell(draw, Score(torch.tensor(value)))
        assert (answer is not None) == last
    torch.testing.assert_close(strategy.alpha, before + strategy.plan[1])
    torch.testing.assert_close(answer.gates, strategy._gates(strategy.alpha))
    assert strategy.effective == [1.0]


def test_a_guided_search_needs_gates_with_a_graph(chain):
    strategy = zero(chain, 0)
    with pytest.raises(ValueError, match="attached"):
        strategy.tell(strategy.ask(), Score(torch.tensor(1.0)))


def test_warming_up_looks_at_no_value(chain):
    strategy = zero(chain, 0, Descent(2, 1.0), warmup=3)
    start = strategy.alpha
    result = search_loop(strategy, planted(chain), 3)
    assert torch.equal(strategy.alpha, start) and len({record.arch for record in result.history}) == 1
    assert strategy.tell(strategy.ask(), Score(torch.tensor(0.0))) is None and isinstance(strategy.ask(), Draw)
