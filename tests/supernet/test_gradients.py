import copy

import pytest
import torch
from torch import nn
from torch.func import functional_call

from appnas.one_shot import Shared
from appnas.space import one_hot
from appnas.strategy import Draw
from appnas.supernet import SGDStep, lookahead_exact, lookahead_finite, softmax
from appnas.task import Stream

LOOKS = [lookahead_exact, lookahead_finite]


class TestSGDStep:
    def test_by_hand(self):
        """w' = 1 - 0.1 (0.9 * 2 + 3 + 0.5 * 1) = 0.47; without a velocity 0.65."""
        weights = {"a": torch.tensor(1.0), "b": torch.tensor(1.0)}
        stepped = SGDStep(0.1, 0.9, 0.5, {"a": torch.tensor(2.0)})(weights, [torch.tensor(3.0)] * 2)
        assert stepped["a"].item() == pytest.approx(0.47) and stepped["b"].item() == pytest.approx(0.65)
        assert weights["a"].item() == 1.0

    def test_is_torch_s_step(self):
        torch.manual_seed(0)
        layer = nn.Linear(3, 2)
        optimiser = torch.optim.SGD(layer.parameters(), 0.1, momentum=0.9, weight_decay=0.01)
        for _ in range(3):
            loss = layer(torch.randn(4, 3)).pow(2).sum()
            gradients = torch.autograd.grad(loss, list(layer.parameters()))
            velocity = {
                name: optimiser.state[p]["momentum_buffer"].clone()
                for name, p in layer.named_parameters()
                if p in optimiser.state
            }
            weights = {name: p.detach().clone() for name, p in layer.named_parameters()}
            expected = SGDStep(0.1, 0.9, 0.01, velocity)(weights, gradients)
            for parameter, gradient in zip(layer.parameters(), gradients, strict=True):
                parameter.grad = gradient
            optimiser.step()
            for name, parameter in layer.named_parameters():
                torch.testing.assert_close(parameter.detach(), expected[name])


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(("xi", "expected"), [(0.0, 2.0), (0.1, 1.6667), (0.25, 1.3333), (0.5, 1.0)])
def test_bilevel_toy(look, xi: float, expected: float):
    """L_val = a w - 2 a + 1, L_train = w^2 - 2 a w + a^2, from a = 2, w = -2, with w kept at its optimum w = a.

    The look-ahead's fixed point is a = w = 2 / (1 + 2 xi): 2 without it, 1 (the true optimum) for xi = 0.5.
    """

    def valid(weights, gates):
        return gates[0] * weights["w"] - 2 * gates[0] + 1

    def train(weights, gates):
        return weights["w"] ** 2 - 2 * gates[0] * weights["w"] + gates[0] ** 2

    a = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    w = torch.tensor(-2.0, dtype=torch.float64, requires_grad=True)
    for _ in range(60):
        (slope,) = torch.autograd.grad(look(train, valid, {"w": w}, (a,), SGDStep(xi)), [a])
        (down,) = torch.autograd.grad(train({"w": w}, (a,)), [w])
        with torch.no_grad():
            a -= 0.4 * slope
            w -= 0.5 * down  # half of 2 (w - a): to the optimum in one step
            w.copy_(a)
    assert a.item() == pytest.approx(expected, abs=5e-5)
    assert w.item() == a.item()


class Problem:
    """A two-layer network with gated hidden units: losses as functions of (weights, gates)."""

    def __init__(self, activation: nn.Module, seed: int = 0):
        torch.manual_seed(seed)
        self.net = nn.Sequential(nn.Linear(4, 8), activation, nn.Linear(8, 8), activation, nn.Linear(8, 1)).double()
        self.weights = dict(self.net.named_parameters())
        self.data = {split: (torch.randn(16, 4).double(), torch.randn(16, 1).double()) for split in ("train", "valid")}
        self.gates = (torch.rand(4, dtype=torch.float64, requires_grad=True),)
        velocity = {name: 0.1 * torch.randn_like(w) for name, w in self.weights.items()}
        self.step = SGDStep(0.1, 0.9, 3e-4, velocity)

    def loss(self, split: str):
        x, y = self.data[split]
        return lambda weights, gates: (functional_call(self.net, weights, (x * gates[0],)) - y).pow(2).mean()

    def slope(self, look, step=None, **more) -> torch.Tensor:
        ahead = look(self.loss("train"), self.loss("valid"), self.weights, self.gates, step or self.step, **more)
        return torch.autograd.grad(ahead, self.gates)[0]

    def direct(self) -> torch.Tensor:
        """The gradient at w' without the term that runs through the step."""
        train = torch.autograd.grad(self.loss("train")(self.weights, self.gates), list(self.weights.values()))
        stepped = {name: w.detach() for name, w in self.step(self.weights, train).items()}
        return torch.autograd.grad(self.loss("valid")(stepped, self.gates), self.gates)[0]


@pytest.mark.parametrize("look", LOOKS)
def test_value_is_the_loss_after_the_step(look):
    problem = Problem(nn.Tanh())
    gradients = torch.autograd.grad(
        problem.loss("train")(problem.weights, problem.gates), list(problem.weights.values())
    )
    expected = problem.loss("valid")(problem.step(problem.weights, gradients), problem.gates)
    value = look(problem.loss("train"), problem.loss("valid"), problem.weights, problem.gates, problem.step)
    torch.testing.assert_close(value, expected)
    assert all(w.grad is None for w in problem.weights.values())


def test_exact_against_central_differences():
    problem = Problem(nn.Tanh())
    exact = problem.slope(lookahead_exact)
    for k in range(4):
        ends = []
        for sign in (1.0, -1.0):
            moved = problem.gates[0].detach().clone()
            moved[k] += sign * 1e-6
            train = torch.autograd.grad(
                problem.loss("train")(problem.weights, (moved,)), list(problem.weights.values())
            )
            ends.append(problem.loss("valid")(problem.step(problem.weights, train), (moved,)).item())
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(exact[k].item(), rel=1e-6)


@pytest.mark.parametrize("activation", [nn.Tanh(), nn.Sigmoid()])
def test_finite_agrees_with_exact_on_smooth_operations(activation: nn.Module):
    """To 2e-3 of the whole gradient, and to 1e-4 at a hundredth of the step; momentum and weight decay included.

    It is not the first-order one.
    """
    problem = Problem(activation)
    exact = problem.slope(lookahead_exact)
    for epsilon, bound in ((1e-3, 2e-3), (1e-5, 1e-4)):
        finite = problem.slope(lookahead_finite, epsilon=epsilon)
        assert float((exact - finite).norm() / exact.norm()) < bound
    assert float((exact - problem.direct()).norm() / exact.norm()) > 1e-3


def test_finite_agrees_with_exact_on_kinks():
    """The extra pass takes the sides of the look-ahead's at every ReLU: 20 networks, bounds as above."""
    for seed in range(20):
        problem = Problem(nn.ReLU(), seed)
        exact = problem.slope(lookahead_exact)
        for epsilon, bound in ((1e-3, 2e-3), (1e-5, 1e-4)):
            finite = problem.slope(lookahead_finite, epsilon=epsilon)
            assert float((exact - finite).norm() / exact.norm()) < bound


def test_finite_with_a_flat_validation_loss():
    """No slope at w': there is no direction to difference in, and no second-order term."""
    w = {"w": torch.tensor(1.0, requires_grad=True)}
    gates = (torch.tensor([2.0], requires_grad=True),)
    for look in LOOKS:
        ahead = look(
            lambda w, g: (w["w"] * g[0]).pow(2).sum(), lambda w, g: g[0].sum() + 0 * w["w"], w, gates, SGDStep(0.1)
        )
        assert torch.autograd.grad(ahead, gates)[0].item() == 1.0


@pytest.mark.parametrize("look", LOOKS)
def test_gates_may_come_from_logits(look):
    """The gradient passes on through whatever made the gates."""
    problem = Problem(nn.Tanh())
    alpha = torch.randn(4, dtype=torch.float64, requires_grad=True)
    problem.gates = (softmax(alpha).detach().requires_grad_(),)
    inner = problem.slope(look)
    ahead = look(problem.loss("train"), problem.loss("valid"), problem.weights, (softmax(alpha),), problem.step)
    p = softmax(alpha).detach()
    expected = p * (inner - (p * inner).sum())  # the softmax's Jacobian
    torch.testing.assert_close(torch.autograd.grad(ahead, alpha)[0], expected)


class Double:
    """The regression domain in float64."""

    def __init__(self, domain):
        self.io, self.epoch, self.domain = domain.io, domain.epoch, domain

    def batches(self, split, rng):
        return ((x.double(), y.double()) for x, y in self.domain.batches(split, rng))

    def loss(self, model, batch):
        return self.domain.loss(model, batch)


class TestShared:
    """The evaluator's look-ahead on a smooth supernet in float64, three weight steps into a search."""

    def shared(self, chain, regression, lookahead: str) -> Shared:
        torch.manual_seed(0)
        supernet = chain.supernet(regression.io).double()
        made = Shared(
            chain, Double(regression), lr=lambda step: 0.1, weight_decay=0.01, lookahead=lookahead, supernet=supernet
        )
        for arch in ((2, 3), (4, 2), (3, 1)):
            made.learn(Draw(arch, tuple(g.double() for g in one_hot(chain.choices, arch))))
        return made

    def gates(self) -> torch.Tensor:
        rng = torch.Generator().manual_seed(3)
        return torch.softmax(torch.randn(2, 5, generator=rng, dtype=torch.float64), -1).requires_grad_()

    def slope(self, chain, regression, lookahead: str) -> tuple[float, torch.Tensor]:
        gates = self.gates()
        score = self.shared(chain, regression, lookahead).score(Draw((0, 0), (gates,)))
        return float(score.value.detach()), torch.autograd.grad(score.value, gates)[0]

    def test_exact_and_finite_agree(self, chain, regression):
        exact, finite, none = (self.slope(chain, regression, kind) for kind in ("exact", "finite", "none"))
        assert exact[0] == pytest.approx(finite[0], rel=1e-12)
        assert float((exact[1] - finite[1]).norm() / exact[1].norm()) < 1e-4
        assert float((exact[1] - none[1]).norm() / exact[1].norm()) > 1e-2
        assert exact[0] != none[0]

    def test_exact_against_brute_force(self, chain, regression):
        """Each gate moved both ways; a copy of the supernet takes a real step of torch's SGD, then is validated."""
        value, exact = self.slope(chain, regression, "exact")

        def ahead(gates: torch.Tensor) -> float:
            shared = self.shared(chain, regression, "exact")
            net, optimiser = copy.deepcopy((shared.supernet, shared.optimiser))
            train, valid = next(shared.train), next(shared.valid)
            optimiser.zero_grad()
            regression.loss(lambda x: net(x, gates=(gates,)), train).mean().backward()
            optimiser.step()
            with torch.no_grad():
                return -float(regression.loss(lambda x: net(x, gates=(gates,)), valid).mean())

        start = self.gates().detach()
        assert ahead(start) == pytest.approx(value, rel=1e-12)
        for i, k in ((0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 4)):
            step = torch.zeros_like(start)
            step[i, k] = 1e-5
            slope = (ahead(start + step) - ahead(start - step)) / 2e-5
            assert slope == pytest.approx(exact[i, k].item(), rel=1e-5, abs=1e-9)

    def test_looking_ahead_leaves_no_trace(self, chain, regression):
        """Weights, momentum and gradients are as before, and the weight step takes the batch that was looked at."""
        shared = self.shared(chain, regression, "exact")
        before = copy.deepcopy([shared.supernet.state_dict(), shared.optimiser.state_dict()["state"]])
        grads = [p.grad.clone() for p in shared.supernet.parameters() if p.grad is not None]
        shared.score(Draw((0, 0), (self.gates(),)))
        after = [shared.supernet.state_dict(), shared.optimiser.state_dict()["state"]]
        torch.testing.assert_close(after, before, rtol=0, atol=0)
        torch.testing.assert_close([p.grad for p in shared.supernet.parameters() if p.grad is not None], grads)
        fourth = [x for x, _ in zip(Stream(shared.domain, "train", 0), range(4), strict=False)][3]
        torch.testing.assert_close(shared.batch, fourth)

    def test_hard_draws_need_no_look_ahead(self, chain, regression):
        """Gates without a gradient are scored as they are."""
        draw = Draw((2, 3), tuple(g.double() for g in one_hot(chain.choices, (2, 3))))
        plain, ahead = (self.shared(chain, regression, kind).score(draw) for kind in ("none", "exact"))
        assert float(plain.value) == float(ahead.value) and not ahead.value.requires_grad

    def test_unknown_look_ahead(self, chain, regression):
        with pytest.raises(ValueError, match="'none', 'exact' or 'finite', got 'second'"):
            Shared(chain, regression, lookahead="second")
