"""appnas.cost.lookup_table: additive tables, fitted, with their error on what they were not fitted to."""

import itertools
import random

import pytest
import torch

from appnas.cost import LookUp, fit_lookup, kendall
from appnas.cost.lookup_table import error
from appnas.space import one_hot, random_arch
from appnas.testing.parts import soft_gates

RNG = random.Random(0)


def measured(space, count, interaction=0.0):
    """An additive cost of 3 and index x position, and what two neighbours cost together."""
    archs = [random_arch(space, RNG) for _ in range(count)]
    costs = [
        3.0 + sum(d * k for d, k in enumerate(arch)) + interaction * sum(a * b for a, b in itertools.pairwise(arch))
        for arch in archs
    ]
    return archs, costs


def test_an_additive_cost_is_found(bench201):
    archs, costs = measured(bench201, 400)
    table = fit_lookup(bench201.choices, archs, costs, ridge=1e-6)
    assert table.error.rmse < 1e-5 and table.error.tau > 0.98  # equal costs differ by a rounding
    assert (table.error.fitted, table.error.held_out) == (320, 80)
    for arch, cost in zip(*measured(bench201, 20), strict=True):
        assert table.of(arch) == pytest.approx(cost, abs=1e-4)
        assert table(arch) == {"latency_ms": table.of(arch)}
        assert float(table.expected(one_hot(bench201.choices, arch))) == pytest.approx(table.of(arch), rel=1e-5)


def test_the_penalty_pulls_to_the_mean(bench201):
    archs, costs = measured(bench201, 100)
    flat = fit_lookup(bench201.choices, archs, costs, ridge=1e9, held_out=0.0)
    assert flat.error is None
    assert flat.of(archs[0]) == pytest.approx(sum(costs) / 100, rel=1e-3)


def test_what_is_not_additive_is_an_error(bench201):
    archs, costs = measured(bench201, 400, interaction=1.0)
    table = fit_lookup(bench201.choices, archs, costs)
    assert table.error.rmse > 1 and 0.5 < table.error.tau < 1
    assert table.error.relative > 0.01


def test_the_expected_cost_is_differentiable(bench201):
    table = LookUp(bench201.choices, (torch.arange(30.0).reshape(6, 5),), 2.0)
    gates = soft_gates(bench201.choices, dtype=torch.float32)
    (matrix,) = gates
    matrix.requires_grad_()
    value = table.expected(gates)
    torch.testing.assert_close(value, (matrix * torch.arange(30.0).reshape(6, 5)).sum() + 2)
    (gradient,) = torch.autograd.grad(value, [matrix])
    assert torch.equal(gradient, torch.arange(30.0).reshape(6, 5))
    assert table.expected((matrix.expand(3, -1, -1),)).shape == (3,)


def test_errors_by_hand(bench201):
    table = LookUp(bench201.choices, (torch.arange(30.0).reshape(6, 5),), 0.0)
    archs = [(0, 0, 0, 0, 0, 0), (1, 0, 0, 0, 0, 0)]  # 75 and 76
    assert error(table, archs, [75.0, 80.0])[:3] == pytest.approx((8**0.5, 0.025, 1.0))


def test_kendall_by_hand():
    assert kendall(torch.tensor([1.0, 2, 3, 4]), torch.tensor([1.0, 2, 4, 3])) == pytest.approx(4 / 6)
    assert kendall(torch.tensor([1.0, 1, 2]), torch.tensor([1.0, 2, 3])) == pytest.approx(2 / 6**0.5)
    assert kendall(torch.ones(3), torch.arange(3.0)) == 0.0


def test_what_cannot_be_fitted_is_refused(bench201):
    archs, costs = measured(bench201, 5)
    for some, values, words in (
        (archs, costs[:4], "got 4 for 5"),
        (archs, [*costs[:4], float("nan")], "one finite cost"),
        (archs[:3], costs[:3], "2 to hold out are needed, got 3"),
    ):
        with pytest.raises(ValueError, match=words):
            fit_lookup(bench201.choices, some, values)
