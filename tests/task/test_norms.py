"""Batch norms with the statistics of several processes are torch's own where there is one."""

import copy
import pickle

import pytest
import torch
from torch import nn

from appnas.compute import Compute, Share, synchronising
from appnas.task import joint, synchronised
from appnas.task.norms import average_statistics, statistics

TWO = Compute(processes=2)


def net(**more):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3, **more), nn.ReLU(), nn.Flatten(), nn.BatchNorm1d(12))


@pytest.mark.parametrize("more", [{}, {"affine": False}, {"track_running_stats": False}, {"momentum": None}])
def test_the_same_as_torch_over_steps(more):
    """Outputs, gradients of weights and inputs, and running statistics; then in evaluation mode."""
    plain, other = net(**more).double(), net(**more).double()
    assert len(joint(other, TWO)) == 2 and joint(other, TWO) == []
    for step in range(3):
        x = torch.randn(5, 2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(step))
        a, b = x.clone().requires_grad_(), x.clone().requires_grad_()
        y = plain(a)
        with synchronising(Share(0, 1)):
            z = other(b)
        torch.testing.assert_close(z, y, rtol=1e-10, atol=1e-10)
        for out in (y, z):
            (out * torch.arange(12)).square().sum().backward()
        torch.testing.assert_close(b.grad, a.grad, rtol=1e-8, atol=1e-8)
    for one, two in zip(plain.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(two.grad, one.grad, rtol=1e-8, atol=1e-8)
    assert other.state_dict().keys() == plain.state_dict().keys()
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], value, msg=name)
    plain.eval(), other.eval()
    with synchronising(Share(0, 1)):
        torch.testing.assert_close(other(x), plain(x))


def test_outside_the_pass_is_torchs_and_copies_stay_whole():
    other, x = net(), torch.randn(5, 2, 4, 4)
    joint(other, TWO)
    for made in (other, copy.deepcopy(other), pickle.loads(pickle.dumps(other))):
        made.load_state_dict(net().state_dict())
        assert torch.equal(made(x), net()(x))
        assert made[1].forward.args[0] is made[1]


def test_a_training_leaves_the_network_as_it_was():
    model = net()
    with synchronised(model, TWO):
        assert "forward" in vars(model[1])
    assert "forward" not in vars(model[1])
    for compute in (Compute(), Compute(processes=2, norms="own")):
        assert joint(model, compute) == []


def test_statistics_by_hand_in_half_precision_too():
    x = torch.tensor([[1.0, 10.0], [3.0, 30.0], [5.0, 20.0]])
    for kind in (torch.float32, torch.bfloat16):
        mean, variance, count = statistics(x.to(kind), Share())
        assert mean.tolist() == [3.0, 20.0] and int(count) == 3 and mean.dtype == torch.float32
        torch.testing.assert_close(variance, torch.tensor([8 / 3, 200 / 3]))


def test_one_process_has_no_statistics_to_average():
    model = net()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    average_statistics(model, Share())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
