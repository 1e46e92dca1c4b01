import math
from functools import partial

import pytest
import torch

from appnas.loop import search_loop
from appnas.one_shot import Expected, LossTerm
from appnas.strategy import Sampled, Score, one_hot_rows
from appnas.supernet import gumbel_sample, unified
from appnas.testing import StrategySuite, planted


def sampled(space, seed, estimator="unified", **more):
    generator = torch.Generator().manual_seed(seed)
    return Sampled(space, generator, 4, estimator, lr=lambda told: 0.1, **more)


MAKERS = {
    "unified": sampled,
    "gumbel": partial(sampled, estimator="gumbel"),
    "gdas": partial(sampled, estimator="gdas", soften=0.05),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
class TestOnVectors(StrategySuite):
    @pytest.fixture
    def space(self, chain):
        return chain


def expected(oracle, **more):
    def loss(gates, step):
        return -oracle.values(gates)

    return Expected({"loss": LossTerm(loss, loss)}, **more)


@pytest.mark.parametrize("estimator", ["unified", "reinforce", "gumbel", "gdas"])
def test_every_estimator_finds_the_planted_optimum(estimator, chain):
    oracle = planted(chain)
    for seed in range(2):
        result = search_loop(sampled(chain, seed, estimator), expected(oracle), 150)
        assert result.best == oracle.best
        assert sum(r.value for r in result.history[-10:]) / 10 > 0.9


def test_what_every_estimator_hands_out(chain):
    """All share the samples of a seed; what has a gradient differs."""
    draws = {name: sampled(chain, 0, name).ask() for name in ("unified", "reinforce", "gumbel", "gdas")}
    hard = draws["reinforce"].gates[0]
    assert hard.shape == (4, 2, 5) and set(hard.unique().tolist()) == {0.0, 1.0} and not hard.requires_grad
    for name in ("unified", "gumbel", "gdas"):
        gates = draws[name].gates[0]
        assert gates.requires_grad and torch.equal(one_hot_rows((gates.detach(),))[0], hard)
    torch.testing.assert_close(draws["unified"].gates[0], draws["gumbel"].gates[0])
    torch.testing.assert_close(draws["gdas"].gates[0].detach(), hard)
    assert draws["gumbel"].logp is None and draws["gdas"].logp is None
    torch.testing.assert_close(draws["unified"].logp, torch.full((4,), 2 * math.log(1 / 5)))


def test_a_sample_s_parts_agree():
    """Coupled values are the relaxed ones, the winner of both is the one-hot sample, drawn as often as it should."""
    alpha = torch.tensor([[1.0, -1.0, float("-inf"), 0.0]], dtype=torch.float64, requires_grad=True)
    sample = gumbel_sample(alpha, 20_000, torch.Generator().manual_seed(0), 0.5)
    torch.testing.assert_close(sample.coupled, sample.soft)
    assert torch.equal(one_hot_rows((sample.soft.detach(),))[0], sample.hard)
    p = torch.softmax(alpha.detach(), -1)
    torch.testing.assert_close(sample.hard.mean(0), p, atol=0.01, rtol=0)
    torch.testing.assert_close(sample.logp, (sample.hard * p.clamp_min(1e-9).log()).sum((1, 2)))
    assert not sample.soft[..., 2].any()
    (slope,) = torch.autograd.grad((sample.coupled * torch.arange(4.0)).sum(), alpha)
    assert torch.isfinite(slope).all() and slope[0, 2] == 0


def toy(estimator, tau, n, seed):
    """Bias of the gradient of a non-linear loss over one 5-way choice, in Monte Carlo standard errors."""
    c = torch.tensor([1.0, 0.2, -0.6, 0.5, 2.0]).double()
    w = torch.tensor([0.5, -1.0, 0.3, 2.0, -0.7]).double()

    def loss(z):
        return (z * c).sum((-1, -2)) + 2 * (z * w).sum((-1, -2)).sin() ** 2

    alpha = torch.tensor([[0.3, -0.5, 0.8, 0.0, -0.2]], dtype=torch.float64, requires_grad=True)
    (exact,) = torch.autograd.grad((alpha.softmax(-1)[0] * loss(torch.eye(5).double()[:, None])).sum(), alpha)
    rng, found = torch.Generator().manual_seed(seed), []
    for _ in range(40):
        sample = gumbel_sample(alpha, n // 40, rng, tau)
        soft = sample.soft - sample.coupled + sample.coupled.detach()
        hard = loss(sample.hard)
        value = {
            "unified": lambda h=hard, x=soft, s=sample: unified(s.logp, h, loss(x)),
            "uncorrected": lambda h=hard, s=sample: unified(s.logp, h, loss(s.soft)),
            "gumbel": lambda h=hard, s=sample: unified(None, h, loss(s.soft)),
            "reinforce": lambda h=hard, s=sample: unified(s.logp, h, torch.full_like(h, 0.7)),
        }[estimator]()
        found.append(torch.autograd.grad(value, alpha)[0])
    grads = torch.stack(found)
    return float((grads.mean(0) - exact).norm() / (grads.std(0) / 40**0.5).norm())


@pytest.mark.parametrize(
    ("estimator", "tau", "least", "most"),
    [
        ("unified", 0.4, 0, 3), ("unified", 1.0, 0, 3), ("reinforce", 0.4, 0, 3),
        ("gumbel", 0.4, 10, math.inf), ("uncorrected", 0.4, 10, math.inf),
    ],
)  # fmt: skip
def test_bias(estimator, tau, least, most):
    assert least <= toy(estimator, tau, 200_000, 0) < most


def test_unified_by_hand():
    """mean (L - c) d logp + d mean c, and the value is mean L."""
    theta = torch.tensor(2.0, requires_grad=True)
    logp, control = torch.stack([theta, 3 * theta]), torch.stack([theta**2, theta])
    value = unified(logp, torch.tensor([5.0, 7.0]), control)
    assert float(value.detach()) == 6.0
    (slope,) = torch.autograd.grad(value, theta)
    assert float(slope) == pytest.approx(((5 - 4) * 1 + (7 - 2) * 3) / 2 + (4 + 1) / 2)


def test_warming_up_moves_no_logit(chain):
    strategy = sampled(chain, 0, warmup=3)
    search_loop(strategy, expected(planted(chain), warmup=3), 3)
    assert float(strategy.alpha[0].detach().abs().max()) < 1e-5
    search_loop(strategy, expected(planted(chain)), 1)
    assert float(strategy.alpha[0].detach().abs().max()) > 0.05


def test_learning_rate_follows_the_schedule(chain):
    strategy = Sampled(chain, torch.Generator(), 1, "gumbel", lr=lambda told: 0.1 / (told + 1))
    for told in range(3):
        draw = strategy.ask()
        strategy.tell(draw, Score(draw.gates[0].square().sum()))
        assert strategy.optimiser.param_groups[0]["lr"] == 0.1 / (told + 1)
