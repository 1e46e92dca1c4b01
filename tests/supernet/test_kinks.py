import pytest
import torch
from torch import nn
from torch.nn.functional import max_pool2d

from appnas.spaces import Bench201, Cells
from appnas.supernet import kinks_of_now
from appnas.supernet.kinks import Kinks
from appnas.task import Stream


def test_relu_by_hand():
    """Noted at (1, -1), where the second is off; taken at (-2, 3), where the first alone still passes."""
    kinks = Kinks()
    with kinks.used():
        assert torch.relu(torch.tensor([1.0, -1.0])).tolist() == [1.0, 0.0]
    x = torch.tensor([-2.0, 3.0], requires_grad=True)
    with kinks.used():
        y = torch.relu(x)
        assert kinks_of_now() is kinks
    assert kinks_of_now() is None
    assert y.tolist() == [-2.0, 0.0]
    assert torch.autograd.grad(y.sum(), x)[0].tolist() == [1.0, 0.0]
    assert torch.relu(x).tolist() == [0.0, 3.0]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("stride", [1, 2])
def test_maxima_stay_where_they_were(layout, stride):
    rng = torch.Generator().manual_seed(0)
    x, other = (torch.randn(2, 3, 5, 6, generator=rng).contiguous(memory_format=layout) for _ in range(2))
    x.requires_grad_()
    other.requires_grad_()
    kinks, pool = Kinks(), nn.MaxPool2d(3, stride, 1)
    with kinks.used():
        first = pool(x)
    with kinks.used():
        second = pool(other)
    assert torch.equal(first, pool(x))
    _, places = max_pool2d(x, 3, stride, 1, return_indices=True)
    assert torch.equal(second, other.flatten(2).gather(2, places.flatten(2)).view_as(second))
    weights = torch.randn(second.shape, generator=rng)
    (found,) = torch.autograd.grad((second * weights).sum(), other)
    (expected,) = torch.autograd.grad((pool(x) * weights).sum(), x)
    torch.testing.assert_close(found, expected)


def test_in_place_and_leaky():
    kinks = Kinks()
    for x, expected in (
        (torch.tensor([1.0, -1.0]), [1.0, 0.0, 1.0, -0.1]),
        (torch.tensor([-1.0, 1.0]), [-1, 0, -1, 0.1]),
    ):
        with kinks.used():
            y = x.clone().relu_()
            assert [*y.tolist(), *nn.LeakyReLU(0.1)(x).tolist()] == pytest.approx(expected)


@pytest.mark.parametrize("recompute", ["nothing", "convolutions", "cells"])
@pytest.mark.parametrize("kind", [Bench201, Cells])
def test_a_network_is_linear_along_its_own_sides(kind, recompute, digits):
    """The gradient of a pass on the sides of another is near that at the other: not so where each has its own."""
    size = {"repeats": 1} if kind is Bench201 else {"cells": 3, "nodes": 2}
    torch.manual_seed(0)
    space = kind(channels=2, recompute=recompute, **size)
    net, batch = space.supernet(digits.io).double(), next(Stream(digits, "train", 0))
    x, y = batch[0][:4].double(), batch[1][:4]
    gates = tuple(torch.rand(c.count, len(c.options), dtype=torch.float64).requires_grad_() for c in space.choices)

    def slope(kinks):
        if kinks is None:
            loss = nn.functional.cross_entropy(net(x, gates=gates), y)
        else:
            with kinks.used():
                loss = nn.functional.cross_entropy(net(x, gates=gates), y)
        return torch.cat([g.flatten() for g in torch.autograd.grad(loss, gates)])

    kinks = Kinks()
    base = slope(kinks)
    assert torch.equal(base, slope(None)) and torch.equal(base, slope(kinks))
    with torch.no_grad():
        for w in net.parameters():
            w.add_(1e-4 * torch.randn_like(w))
    assert float((slope(kinks) - base).norm() / base.norm()) < 0.02
