"""proxies: numbers by hand, plain computations beside them; networks with norms, dropout, operations in place."""

import math

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from appnas.one_shot.proxies import (
    OF_A_LOSS,
    PROXIES,
    Probe,
    fisher,
    fisher_of,
    freeflow,
    grad_norm,
    grasp,
    jacov,
    jacov_of,
    naswot,
    naswot_of,
    snip,
    synflow,
    weights_of,
)
from appnas.one_shot.zero_cost import probing
from appnas.testing import identical

X = torch.tensor([[1.0, 2.0], [3.0, -1.0], [0.5, 0.5], [-2.0, 1.0]])


def line():
    """y = v (W x), W = [[1, -2], [-3, 4]], v = [-1, 2], with biases that no proxy counts."""
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    with torch.no_grad():
        net[0].weight.copy_(torch.tensor([[1.0, -2.0], [-3.0, 4.0]]))
        net[1].weight.copy_(torch.tensor([[-1.0, 2.0]]))
        for layer in net:
            layer.bias.zero_()
    return net


def probe(net, x=X, loss=lambda net: net(X).mean()):
    return Probe(probing(net), (x[:1],), (x,), loss)


def test_synflow_by_hand():
    """R = [1, 2] |W| 1 = 3 + 14 = 17: every layer's weights carry all of it, so the sum is 17 a layer."""
    assert synflow(probe(line())) == pytest.approx(2 * 17)
    assert freeflow(probe(line())) == pytest.approx(17)


def test_synflow_knows_no_norm_and_no_overflow():
    deep = nn.Sequential(*[layer for _ in range(30) for layer in (nn.Linear(2, 2, bias=False), nn.LayerNorm(2))])
    with torch.no_grad():
        for layer in deep[::2]:
            layer.weight.fill_(-10.0)
    assert synflow(probe(deep)) == pytest.approx(30 * 2 * 20.0**30, rel=1e-9)  # far beyond single precision


def test_snip_and_grad_norm_by_hand():
    """L = mean_n v W x = v W m, m = (0.625, 0.625): dL/dW = v^T m^T, dL/dv = W m."""
    m = X.mean(0)
    by_w = torch.tensor([[-1.0], [2.0]]) * m
    by_v = torch.tensor([[1.0, -2.0], [-3.0, 4.0]]) @ m
    w, v = torch.tensor([[1.0, -2.0], [-3.0, 4.0]]), torch.tensor([-1.0, 2.0])
    assert snip(probe(line())) == pytest.approx(float((w * by_w).abs().sum() + (v * by_v).abs().sum()))
    assert grad_norm(probe(line())) == pytest.approx(float(by_w.norm() + by_v.norm()))


def test_grasp_by_hand():
    """L = (a b)^2 / 2: g = (a b^2, a^2 b), H = [[b^2, 2ab], [2ab, a^2]]."""
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    a, b = 2.0, 3.0
    with torch.no_grad():
        net[0].weight.fill_(a)
        net[1].weight.fill_(b)
    g = torch.tensor([a * b**2, a**2 * b])
    h = torch.tensor([[b**2, 2 * a * b], [2 * a * b, a**2]])
    found = grasp(Probe(net, (), (), lambda net: net(torch.ones(1, 1)).square().sum() / 2))
    assert found == pytest.approx(-float((torch.tensor([a, b]) * (h @ g)).sum()))


def test_fisher_by_hand():
    """Two examples, two channels of two places: sums -> products (1*1 + 2*1, 0) and (1, 2*2 + 1*0)."""
    activation = torch.tensor([[[1.0, 2.0], [0.0, 0.0]], [[1.0, 0.0], [2.0, 1.0]]])
    slope = torch.tensor([[[1.0, 1.0], [5.0, 5.0]], [[1.0, 9.0], [2.0, 0.0]]])
    assert fisher_of(activation, slope, 1) == pytest.approx(((9 + 1) / 2 + (0 + 16) / 2) / 2)
    assert fisher_of(activation.movedim(1, 2), slope.movedim(1, 2), 2) == pytest.approx(6.5)
    assert fisher_of(activation[:, :, 0], slope[:, :, 0], 1) == pytest.approx(((1 + 1) / 2 + (0 + 16) / 2) / 2)


def test_fisher_of_a_network():
    """The outputs of both layers and their slopes: dL/dy = 1/4, dL/dh = v/4."""
    h = X @ torch.tensor([[1.0, -2.0], [-3.0, 4.0]]).T
    y = h @ torch.tensor([-1.0, 2.0])
    expected = ((h * torch.tensor([-1.0, 2.0]) / 4).square().mean(0).sum() + (y / 4).square().mean()) / 2
    assert fisher(probe(line())) == pytest.approx(float(expected))


def test_jacov_by_hand():
    """Rows with the correlation 0 have the eigenvalues 1, 1; equal rows 0 and 2."""
    k = 1e-5
    free = torch.tensor([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]])
    assert jacov_of(free) == pytest.approx(-2 * (math.log(1 + k) + 1 / (1 + k)), rel=1e-6)
    alike = torch.tensor([[1.0, 2.0, 4.0], [2.0, 4.0, 8.0]])
    expected = -sum(math.log(v + k) + 1 / (v + k) for v in (0.0, 2.0))
    assert jacov_of(alike) == pytest.approx(expected, rel=1e-4)
    assert jacov_of(free) > jacov_of(alike)
    assert math.isnan(jacov_of(torch.tensor([[1.0, -1.0], [0.0, 0.0]])))


def test_jacov_of_a_network():
    net = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 3))
    slopes = torch.stack([torch.autograd.functional.jacobian(lambda x: net(x).sum(), x) for x in X])
    assert jacov(probe(net)) == pytest.approx(jacov_of(slopes), rel=1e-4)


def test_naswot_by_hand():
    """Codes 10, 11, 00: two units, distances 1, 1, 2: K = [[2, 1, 1], [1, 2, 0], [1, 0, 2]], det 4."""
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU())
    with torch.no_grad():
        net[0].weight.copy_(torch.eye(2))
    x = torch.tensor([[1.0, -1.0], [1.0, 2.0], [-1.0, -1.0]])
    assert naswot(probe(net, x)) == pytest.approx(math.log(4))
    alike = torch.tensor([[1.0, -1.0], [1.0, -2.0]])
    assert naswot(probe(net, alike)) == -math.inf
    assert naswot_of(torch.eye(3) * 2) == pytest.approx(math.log(8))


class Whole(nn.Module):
    """Convolutions, batch norm, dropout, functions and modules in place, a skip, two outputs."""

    def __init__(self, inplace):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.norm, self.drop, self.act = nn.BatchNorm2d(4), nn.Dropout(0.5, inplace), nn.ReLU(inplace)
        self.head, self.inplace = nn.Linear(4, 3), inplace

    def forward(self, x):
        x = self.act(self.first(x))
        y = self.norm(self.second(x))
        y = self.drop(torch.relu_(y.add_(x)) if self.inplace else torch.relu(y + x))
        return self.head(y.mean((2, 3))), y


@pytest.mark.parametrize("name", PROXIES)
def test_operations_in_place_norms_and_dropout(name):
    """The same number with operations in place or not, twice the same, and weights and modes stay."""
    found = []
    for inplace in (False, True):
        torch.manual_seed(0)
        net = probing(Whole(inplace))
        x, y = torch.randn(6, 1, 5, 5), torch.arange(6) % 3
        weights = {key: w.clone() for key, w in net.named_parameters()}
        modes = [module.training for module in net.modules()]
        one = Probe(net, (x[:2],), (x,), lambda net, x=x, y=y: cross_entropy(net(x)[0], y))
        found += [PROXIES[name](one), PROXIES[name](one)]
        assert identical(dict(net.named_parameters()), weights) and all(w.grad is None for w in net.parameters())
        assert [module.training for module in net.modules()] == modes and not net.first._forward_hooks
    assert found == pytest.approx(found[:1] * 4, rel=1e-5) and math.isfinite(found[0])


def test_tokens_are_embedded():
    net = nn.Sequential(nn.Embedding(7, 3), nn.Flatten(), nn.Tanh(), nn.Linear(6, 2))
    tokens = torch.tensor([[0, 1], [2, 3], [4, 6]])
    found = jacov(probe(net, tokens))
    points = net[0](tokens).detach()
    slopes = torch.stack([torch.autograd.functional.jacobian(lambda e: net[1:](e[None]).sum(), e) for e in points])
    assert found == pytest.approx(jacov_of(slopes.flatten(1)), rel=1e-4)
    with pytest.raises(ValueError, match="no embedding"):
        jacov(probe(nn.Sequential(Counts(), nn.Linear(2, 1)), tokens))


class Counts(nn.Module):
    def forward(self, tokens):
        return tokens.float()


def test_which_weights_and_which_need_a_loss():
    assert [tuple(w.shape) for w in weights_of(Whole(False))] == [(4, 1, 3, 3), (4, 4, 3, 3), (3, 4)]
    assert {"snip", "grasp", "fisher", "grad_norm"} == OF_A_LOSS
    net = probing(Whole(False))
    for name in set(PROXIES) - OF_A_LOSS:
        assert math.isfinite(PROXIES[name](Probe(net, (torch.rand(2, 1, 5, 5),), (torch.rand(6, 1, 5, 5),))))
