"""appnas.cost: what networks cost, on layers small enough to count by hand."""

from __future__ import annotations

import dataclasses
import random
import warnings

import pytest
import torch
from torch import nn

from appnas.cost import counts
from appnas.space import full_mask, one_hot, random_arch
from appnas.spaces import Cells
from appnas.support import memory


def soft(space):
    return tuple(m.float().div(m.shape[1]).requires_grad_() for m in full_mask(space.choices))


def test_parameters_leave_the_auxiliary_head_out(digits):
    assert counts.parameters(nn.Linear(3, 5)) == 20
    plain = Cells(width=2, depth=3)
    arch = plain.discretise(tuple(m.float() for m in full_mask(plain.choices)))
    with_head = Cells(width=2, depth=3, auxiliary=True)
    model = with_head.build(arch, digits.io)
    assert sum(p.numel() for p in model.auxiliary.parameters()) > 300_000
    assert counts.parameters(model) == counts.parameters(plain.build(arch, digits.io)) < 10_000


@pytest.mark.parametrize(
    ("layer", "shape", "by_hand"),
    [
        (nn.Conv2d(2, 4, 3, padding=1), (1, 2, 5, 5), 5 * 5 * 4 * 2 * 9),
        (nn.Conv2d(2, 4, 3, padding=1, bias=False), (3, 2, 5, 5), 3 * 5 * 5 * 4 * 2 * 9),
        (nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4), (1, 4, 6, 6), 3 * 3 * 4 * 9),
        (nn.Conv2d(2, 2, 3, padding=2, dilation=2), (1, 2, 5, 5), 5 * 5 * 2 * 2 * 9),
        (nn.Linear(3, 5), (4, 3), 4 * 3 * 5),
        (nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2)), (1, 3), 15 + 10),
    ],
)
def test_macs_by_hand(layer, shape, by_hand):
    assert counts.macs(layer, (torch.zeros(shape),)) == by_hand


def test_macs_leave_no_trace():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout())
    model[2].eval()
    before = model[1].running_mean.clone()
    assert counts.macs(model, (torch.ones(2, 1, 5, 5),)) == 2 * 9 * 2 * 9
    assert torch.equal(model[1].running_mean, before)
    assert [m.training for m in model] == [True, True, False]


def test_macs_of_a_supernet_count_what_its_gates_use(cells, digits):
    supernet = cells.supernet(digits.io)
    x = digits.example(1)
    archs = [random_arch(cells, random.Random(i)) for i in range(2)]
    found = [counts.macs(lambda x, a=a: supernet(x, gates=one_hot(cells.choices, a)), x) for a in archs]
    whole = counts.macs(lambda x: supernet(x, gates=tuple(g.detach() for g in soft(cells))), x)
    assert 0 < min(found) and max(found) < whole


def test_saved_bytes_by_hand():
    x, four = torch.randn(4, 3), 4
    linear = nn.Linear(3, 5)
    assert counts.saved_bytes(lambda: linear(x)) == 4 * 3 * four  # its input; not the weight, nor the view of it
    two = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    # the input; the ReLU's result once, though it serves the ReLU and the second layer
    assert counts.saved_bytes(lambda: two(x)) == (4 * 3 + 4 * 5) * four
    conv = nn.Conv2d(1, 2, 3, padding=1)
    assert counts.saved_bytes(lambda: conv(torch.randn(2, 1, 4, 4))) == 2 * 16 * four
    double = nn.Linear(3, 5).double()
    assert counts.saved_bytes(lambda: double(x.double())) == 4 * 3 * 8
    y = torch.randn(6, requires_grad=True)
    assert counts.saved_bytes(lambda: y.exp() + y.exp()) == 2 * 6 * four  # each result for itself
    assert counts.saved_bytes(lambda: (y[:2].sin(), y[2:].sin())) == 6 * four  # two views of one storage


def test_saved_bytes_are_0_without_a_graph():
    layer = nn.Linear(3, 5)
    with torch.no_grad():
        assert counts.saved_bytes(lambda: layer(torch.randn(4, 3))) == 0


def test_free_bytes_of_this_machine():
    free = memory.free_bytes()
    assert free is None or free > 0


def test_a_control_group_grants_its_limit_but_not_its_cache(tmp_path):
    assert memory._group_bytes(tmp_path) == []
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("600\n")
    assert memory._group_bytes(tmp_path) == []
    (tmp_path / "memory.max").write_text("1000\n")
    assert memory._group_bytes(tmp_path) == [400]
    (tmp_path / "memory.stat").write_text("anon 450\ninactive_file 100\nactive_file 50\n")
    assert memory._group_bytes(tmp_path) == [500]


def test_peak_bytes_by_hand():
    four, x = 4, torch.zeros(100)
    assert counts.peak_bytes(lambda: x + 1) == 100 * four
    assert counts.peak_bytes(lambda: ((x + 1) + 1) + 1) == 2 * 100 * four  # one made from another, the first is gone
    assert counts.peak_bytes(lambda: x[:50]) == 100 * four  # a view of something that was not counted before
    y = torch.zeros(100, requires_grad=True)
    assert counts.peak_bytes(lambda: y.exp().exp().sum().backward()) >= 3 * 100 * four


def step(supernet, inputs, gates):
    out = supernet(*inputs, gates=gates).sum()
    return torch.autograd.grad(out, [*gates, *supernet.parameters()])


@pytest.mark.parametrize("recompute", ["nothing", "cells"])
def test_the_estimate_of_a_supernet_is_a_step_s_peak(bench201, digits, recompute):
    space = dataclasses.replace(bench201, recompute=recompute)
    supernet, gates = space.supernet(digits.io), soft(space)
    need = counts.supernet_memory(supernet, gates, digits, 32)
    inputs = digits.example(32)
    assert need.activations == pytest.approx(counts.peak_bytes(lambda: step(supernet, inputs, gates)), rel=0.12)
    assert need.weights == 3 * 4 * sum(p.numel() for p in supernet.parameters())
    assert need.total == need.activations + need.weights


def test_an_example_of_fixed_size_is_measured_as_it_is(bench201, digits):
    class Whole:
        def example(self, count):
            return digits.example(6)

    supernet, gates = bench201.supernet(digits.io), soft(bench201)
    need = counts.supernet_memory(supernet, gates, Whole(), 1)
    inputs = digits.example(6)
    assert need.activations == pytest.approx(counts.peak_bytes(lambda: step(supernet, inputs, gates)), rel=0.05)


def test_check_memory():
    need = counts.SupernetMemory(activations=90 * memory.MIB, weights=10 * memory.MIB)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert counts.check_memory(need, None) is None
        assert counts.check_memory(need, 200 * memory.MIB) is None
    with pytest.raises(MemoryError, match=r"100 MiB, 50 MiB are free: use a smaller batch.*half the batch .*restrict"):
        counts.check_memory(need, 50 * memory.MIB)
    with pytest.raises(MemoryError, match=r"50 MiB are free on cuda:1: use a smaller batch"):
        counts.check_memory(need, 50 * memory.MIB, device=torch.device("cuda:1"))
    with pytest.warns(UserWarning, match="120 MiB are free, little is left"):
        counts.check_memory(need, 120 * memory.MIB)
