"""appnas.supernet.relaxations: from logits to gates, against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from appnas.supernet import (
    gumbel_paths,
    live_options,
    marked,
    sampled_paths,
    softmax,
    straight_through,
    two_temperature,
)
from appnas.supernet.relaxations import gumbel, gumbel_noise

INF = float("inf")


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def test_softmax_by_hand():
    alpha = torch.tensor([[0.0, math.log(3.0)]])
    assert softmax(alpha).tolist()[0] == pytest.approx([0.25, 0.75])
    assert softmax(alpha, tau=0.5).tolist()[0] == pytest.approx([0.1, 0.9])  # 3 squared: 1 to 9
    assert softmax(alpha + 100).tolist()[0] == pytest.approx([0.25, 0.75], rel=1e-5)


@pytest.mark.parametrize(
    "relax",
    [
        softmax,
        lambda a: gumbel(a, rng()),
        lambda a: straight_through(softmax(a)),
        lambda a: gumbel_paths(a, rng()),
        lambda a: gumbel_paths(a, rng(), paths=3),
    ],
)
def test_excluded_options_are_exactly_0_without_gradient(relax):
    alpha = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.5, 0.0]], requires_grad=True)
    mask = torch.tensor([[True, True, False], [False, True, False]])
    gates = relax(alpha.masked_fill(~mask, -INF))
    assert (gates[~mask] == 0).all()
    assert gates.sum(-1).tolist() == pytest.approx([1.0, 1.0])
    (gates * torch.tensor([3.0, -1.0, 5.0])).sum().backward()
    assert torch.isfinite(alpha.grad).all()
    assert (alpha.grad[~mask] == 0).all()
    assert alpha.grad[1].tolist() == [0, 0, 0]  # one option is left: nothing to choose


def test_gumbel_noise_has_the_moments_of_a_standard_gumbel():
    noise = gumbel_noise(torch.zeros(200_000), rng())
    assert float(noise.mean()) == pytest.approx(0.5772, abs=0.015)
    assert float(noise.var()) == pytest.approx(math.pi**2 / 6, rel=0.02)
    for dtype in (torch.float32, torch.float64):
        many = gumbel_noise(torch.zeros(100_000, dtype=dtype), rng(1))
        assert many.dtype == dtype and torch.isfinite(many).all()


def test_gumbel_draws_as_softmax_does():
    alpha = torch.tensor([0.1, 0.2, 0.7]).log().expand(20_000, 3)
    share = gumbel(alpha, rng(), tau=0.1).argmax(-1).bincount() / 20_000
    assert share.tolist() == pytest.approx([0.1, 0.2, 0.7], abs=0.015)  # 4.6 deviations of the widest


def test_gumbel_depends_on_the_generator_alone():
    alpha = torch.randn(4, 5, generator=rng())
    assert torch.equal(gumbel(alpha, rng(1), 2.0), gumbel(alpha, rng(1), 2.0))
    assert not torch.equal(gumbel(alpha, rng(1)), gumbel(alpha, rng(2)))
    hot = gumbel(alpha, rng(1), 1e-3)
    assert (hot.max(-1).values > 0.99).all()


def test_paths_by_hand():
    """Of soft gates 1/4, 3/4 the second runs: its gate's slope is that of softmax, the other's is cut off."""
    alpha = torch.tensor([[0.0, math.log(3.0)]], requires_grad=True)
    gates = sampled_paths(softmax(alpha)[None])
    assert gates.tolist() == [[0.0, 1.0]] and gates.sampled
    (gates * torch.tensor([100.0, 2.0])).sum().backward()
    assert alpha.grad.tolist()[0] == pytest.approx([-2 * 3 / 16, 2 * 3 / 16])
    (held,) = sampled_paths(softmax(alpha)[None], torch.tensor([[[0]]]))
    assert held.tolist() == [1.0, 0.0], "held, although the other one is larger"


def test_the_mean_of_paths_by_hand():
    soft = torch.tensor([[0.9, 0.1, 0.0], [0.4, 0.6, 0.0], [0.8, 0.1, 0.1]], requires_grad=True)
    gates = sampled_paths(soft)
    assert gates.tolist() == pytest.approx([2 / 3, 1 / 3, 0.0])
    (gates * torch.tensor([3.0, 6.0, 9.0])).sum().backward()
    torch.testing.assert_close(soft.grad, torch.tensor([[1.0, 2.0, 0.0]]).expand(3, -1))


def test_paths_have_the_gradient_of_gdas_where_they_run():
    """With losses that only the option that ran contributes to, straight-through and sampled gates agree."""
    alpha = torch.randn(6, 5, generator=rng(), dtype=torch.float64, requires_grad=True)
    slope = torch.randn(6, 5, generator=rng(1), dtype=torch.float64)
    soft = gumbel(alpha, rng(2))
    through, paths = straight_through(soft), gumbel_paths(alpha, rng(2))
    assert torch.equal(through, paths)
    ran = through.detach()
    found = [torch.autograd.grad((g * slope * ran).sum(), alpha, retain_graph=True)[0] for g in (through, paths)]
    torch.testing.assert_close(*found)
    (full,) = torch.autograd.grad((paths * slope).sum(), alpha)
    torch.testing.assert_close(full, found[1])


def test_paths_are_drawn_as_softmax_does_at_any_temperature():
    alpha = torch.tensor([0.1, 0.2, 0.7]).log().expand(20_000, 3)
    for tau in (0.1, 10.0):
        assert gumbel_paths(alpha, rng(), tau).mean(0).tolist() == pytest.approx([0.1, 0.2, 0.7], abs=0.015)


def test_the_mark():
    """It decides what runs, of gates that carry a gradient; a clone has lost it."""
    gates = torch.tensor([[0.0, 1.0]], requires_grad=True) * 1
    assert live_options(gates) == [[True, True]] and live_options(marked(gates)) == [[False, True]]
    assert live_options(gates.clone()) == [[True, True]]


def test_straight_through_is_hard_forward_and_soft_backward():
    alpha = torch.tensor([[0.0, math.log(3.0)]], requires_grad=True)
    gates = straight_through(softmax(alpha))
    assert gates.tolist() == [[0.0, 1.0]]
    (gates * torch.tensor([[2.0, 6.0]])).sum().backward()
    # d/d alpha_0 of 2 p_0 + 6 p_1 = p_0 p_1 (2 - 6) = 0.25 * 0.75 * -4
    assert alpha.grad.tolist()[0] == pytest.approx([-0.75, 0.75])


def test_two_temperatures_by_hand():
    """Forward at the low temperature, the slope of the high one backward."""
    theta = torch.tensor([0.5 * math.log(3.0), -0.5 * math.log(3.0), -INF], requires_grad=True)
    v = two_temperature(theta, low=0.25, high=0.5)
    assert v.tolist() == pytest.approx([0.9, 0.1, 0.0])  # exp(2 log 3) = 9: 9 to 1
    (v * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    # s = 0.75 or 0.25 at the high temperature: 0.75 * 0.25 / 0.5 = 0.375
    assert theta.grad.tolist() == pytest.approx([0.375, 0.75, 0.0])


def test_the_limit_of_a_low_temperature_is_a_step():
    theta = torch.tensor([-1.0, -1e-3, 0.0, 1e-3, 1.0], requires_grad=True)
    hard = two_temperature(theta, low=0.0, high=0.5)
    assert hard.tolist() == [0, 0, 0, 1, 1]
    nearly = two_temperature(theta, low=1e-5, high=0.5)
    assert nearly.tolist() == pytest.approx([0, 0, 0.5, 1, 1])
    slopes = [torch.autograd.grad(v.sum(), theta)[0] for v in (hard, nearly)]
    assert torch.equal(*slopes) and float(slopes[0][2]) == pytest.approx(0.5)


def test_equal_temperatures_are_an_ordinary_sigmoid():
    theta = torch.randn(50, dtype=torch.float64, generator=rng(), requires_grad=True)
    weight = torch.randn(50, dtype=torch.float64, generator=rng(1))
    ours, plain = (weight * two_temperature(theta, 0.3, 0.3)).sum(), (weight * torch.sigmoid(theta / 0.3)).sum()
    assert torch.equal(ours, plain)
    torch.testing.assert_close(torch.autograd.grad(ours, theta), torch.autograd.grad(plain, theta))


@pytest.mark.parametrize("seed", range(50))
def test_its_gradient_never_points_uphill(seed: int):
    """On random losses and temperatures: <g, true gradient> >= 0, coordinate by coordinate."""
    generator = rng(seed)
    low, high = (0.02 + torch.rand(2, generator=generator)).tolist()
    theta = torch.randn(30, generator=generator, dtype=torch.float64).requires_grad_()
    first, second = (torch.randn(20, n, generator=generator, dtype=torch.float64) for n in (30, 20))

    def loss(v):
        return (torch.sin(second @ torch.tanh(first @ v)) + 0.3 * v.sum() ** 2).sum()

    (ours,) = torch.autograd.grad(loss(two_temperature(theta, low, high)), theta)
    (true,) = torch.autograd.grad(loss(torch.sigmoid(theta / low)), theta)
    assert (ours * true >= 0).all()
    assert float((ours * true).sum()) > 0
