"""Additive cost models: a number for every option of every decision, fitted to measurements, and how far they err.

    cost(arch) ~ b + sum_d T[d, arch_d],   fitted by ridge regression on one-hot options

A table of latencies by operation as ProxylessNAS and FBNet sum up (Cai et al., arXiv 1812.00332, section 3.3; Wu et
al., arXiv 1812.03443, section 3.2), fitted as UNAS does (Vahdat et al., arXiv 1912.07651). It is linear in the gates:
under one-hot gates it is the architecture's cost, and under soft ones the expected cost, differentiable.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from appnas.space import Arch, Choice, Gates, features, split


class Error(NamedTuple):
    """How far a table is off on architectures that it was not fitted to.

    Attributes:
        rmse: root of the mean square, in the unit of the costs.
        relative: median of |predicted - measured| / measured (a mean would be that of the smallest costs).
        tau: Kendall's rank correlation (tau-b) of predicted and measured.
        fitted, held_out: number of architectures of each kind.
    """

    rmse: float
    relative: float
    tau: float
    fitted: int
    held_out: int


class LookUp:
    """An additive cost model.

    Args:
        choices: the decisions.
        table: one number for each option, [count, K] for each choice, in the unit of the cost.
        bias: what every architecture costs.
        name: of the metric, with its unit.
        error: on held-out architectures; None if none were held out.
    """

    def __init__(
        self,
        choices: tuple[Choice, ...],
        table: Gates,
        bias: float,
        name: str = "latency_ms",
        error: Error | None = None,
    ):
        self.choices, self.table, self.bias, self.name, self.error = choices, table, bias, name, error
        self.rows = [row.tolist() for matrix in table for row in matrix]

    def of(self, arch: Arch) -> float:
        """The cost of an architecture."""
        return self.bias + sum(float(row[index]) for row, index in zip(self.rows, arch, strict=True))

    def expected(self, gates: Gates) -> Tensor:
        """The cost of gates, differentiable: the expectation if every row is a distribution.

        Shapes:
            gates: each [count, K] or [B, count, K]. returns: [] or [B].
        """
        parts = [(matrix * row.to(matrix)).sum((-2, -1)) for matrix, row in zip(gates, self.table, strict=True)]
        return torch.stack(parts).sum(0) + self.bias

    def __call__(self, arch: Arch) -> Mapping[str, float]:
        """As a named metric, for `appnas.estimate.Rewarded`."""
        return {self.name: self.of(arch)}


def fit_lookup(
    choices: tuple[Choice, ...],
    archs: Sequence[Arch],
    costs: Sequence[float],
    ridge: float = 1.0,
    held_out: float = 0.2,
    seed: int = 0,
    name: str = "latency_ms",
) -> LookUp:
    """Fit a table, on a part of the architectures, and measure its error on the others. The defaults are UNAS's.

    Args:
        choices: the decisions.
        archs: what was measured.
        costs: one for each.
        ridge: penalty on the squared numbers of the table; the bias has none.
        held_out: share of the architectures that the error is measured on; 0 for none.
        seed: of the division.
        name: of the metric.

    Raises:
        ValueError: not one cost for each architecture, one that is not finite, or too few to fit and hold out.
    """
    if len(archs) != len(costs) or not all(map(math.isfinite, costs)):
        raise ValueError(f"one finite cost for each architecture is needed, got {len(costs)} for {len(archs)}")
    order = list(range(len(archs)))
    random.Random(seed).shuffle(order)
    kept_back = round(held_out * len(order))
    fitted, rest = order[kept_back:], order[:kept_back]
    if len(fitted) < 2 or (held_out and len(rest) < 2):
        raise ValueError(f"at least 2 architectures to fit and 2 to hold out are needed, got {len(archs)}")
    x = torch.stack([features(choices, archs[i]) for i in fitted]).double()
    y = torch.tensor([costs[i] for i in fitted], dtype=torch.float64)
    centre, level = x.mean(0), y.mean()
    gram = (x - centre).T @ (x - centre) + ridge * torch.eye(x.shape[1], dtype=x.dtype)
    weights = torch.linalg.solve(gram, (x - centre).T @ (y - level))
    lengths = [len(choice.options) for choice in choices for _ in range(choice.count)]
    table = split(choices, weights.split(lengths))
    found = LookUp(choices, table, float(level - centre @ weights), name)
    if rest:
        found.error = error(found, [archs[i] for i in rest], [costs[i] for i in rest])._replace(fitted=len(fitted))
    return found


def error(table: LookUp, archs: Sequence[Arch], costs: Sequence[float]) -> Error:
    """How far a table is off on the given architectures."""
    predicted = torch.tensor([table.of(arch) for arch in archs], dtype=torch.float64)
    true = torch.tensor(costs, dtype=torch.float64)
    off = predicted - true
    return Error(
        float(off.square().mean().sqrt()),
        float((off.abs() / true.abs()).quantile(0.5)),
        kendall(predicted, true),
        0,
        len(archs),
    )


def kendall(a: Tensor, b: Tensor) -> float:
    """Kendall's tau-b of two rows of numbers; 0 if one of them is constant. Shapes: [N], [N]."""
    signs = [(x[:, None] - x[None, :]).sign() for x in (a, b)]
    norm = math.prod(float(s.abs().sum()) for s in signs) ** 0.5
    return float((signs[0] * signs[1]).sum()) / norm if norm else 0.0
