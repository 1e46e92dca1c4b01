"""A benchmark whose optimum is known: a chain of decisions, each of which matters by itself and beside the one before.

The best of 7^21 architectures is found by dynamic programming, also under a limit on a cost, so that a search can be
told how much it left, where a table of all architectures is out of reach.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from appnas.space import Arch, Choice, Combinations, Gates, Mask
from appnas.testing.oracle import Oracle, Term


class ChainOracle(Oracle):
    """A multilinear value with a term for every decision and for every two in a row.

    Args:
        lone: what an option is worth. Shapes: [D, K].
        pairs: what it is worth after another one. Shapes: [D - 1, K before, K].
    """

    def __init__(self, lone: Tensor, pairs: Tensor):
        count, options = lone.shape
        choices = (Choice("decision", tuple(f"option {k}" for k in range(options)), count),)
        terms = [Term((d,), lone[d]) for d in range(count)]
        terms += [Term((d, d + 1), pairs[d]) for d in range(count - 1)]
        self.lone, self.pairs = lone, pairs
        super().__init__(choices, terms, best_of_chain(lone, pairs))

    def values(self, gates: Gates) -> Tensor:
        """The value of gates, differentiable; all terms at once.

        Shapes:
            gates: [D, K] or [B, D, K]. returns: [] or [B].
        """
        (z,) = gates
        together = torch.einsum("...dk,dkj,...dj->...", z[..., :-1, :], self.pairs.to(z), z[..., 1:, :])
        return (z * self.lone.to(z)).sum((-2, -1)) + together

    def within(self, mask: Mask) -> Arch:
        """The best architecture of what a mask leaves."""
        (allowed,) = mask
        return best_of_chain(self.lone.masked_fill(~allowed, -math.inf), self.pairs)


class Chain(NamedTuple):
    """The benchmark.

    Attributes:
        space: its decisions.
        value: to be maximised; `value.best` is the optimum.
        cost: of an architecture, above 0, say ms; the better options tend to cost more.
    """

    space: Combinations
    value: ChainOracle
    cost: ChainOracle

    def within(self, limit: float) -> Arch:
        """The best architecture whose cost is at most the limit.

        Raises:
            ValueError: all cost more.
        """
        return best_of_chain(self.value.lone, self.value.pairs, self.cost.lone, self.cost.pairs, limit)


def chained(seed: int = 0, count: int = 21, options: int = 7) -> Chain:
    """A random chain.

    Args:
        seed: of its numbers.
        count: D, decisions.
        options: K, of each.
    """
    rng = torch.Generator().manual_seed(seed)
    cost = 0.1 + 0.9 * torch.rand(count, options, generator=rng)
    lone = 0.6 * (cost - 0.55) / 0.26 + 0.8 * torch.randn(count, options, generator=rng)
    pairs = 0.5 * torch.randn(count - 1, options, options, generator=rng)
    between = 0.05 * torch.rand(count - 1, options, options, generator=rng)
    value = ChainOracle(lone.double(), pairs.double())
    return Chain(Combinations(value.choices), value, ChainOracle(cost.double(), between.double()))


def best_of_chain(
    lone: Tensor, pairs: Tensor, cost: Tensor | None = None, between: Tensor | None = None, limit: float = math.inf
) -> Arch:
    """The best of all combinations, by dynamic programming over the decisions, exact under a limit too.

    For each option of a decision the partial architectures are kept that no other one beats in value and in cost.

    Args:
        lone: what an option is worth, as in `ChainOracle`; minus infinity for one that is not allowed.
        pairs: what it is worth after another one.
        cost: of an option; None for none.
        between: cost of an option after another one; None for none.
        limit: largest cost.

    Raises:
        ValueError: a cost below 0, or no combination within the limit.
    """
    value, couple = lone.double().numpy(), pairs.double().numpy()
    price = np.zeros_like(value) if cost is None else cost.double().numpy()
    joint = np.zeros_like(couple) if between is None else between.double().numpy()
    if price.min() < 0 or (joint.size and joint.min() < 0):
        raise ValueError("costs are at least 0: a partial architecture above the limit has to stay above it")
    options = range(value.shape[1])
    kept = [_undominated(price[0, k : k + 1], value[0, k : k + 1], limit) for k in options]
    steps = []
    for d in range(1, len(value)):
        before = np.concatenate([np.full(len(c), i) for i, (c, _, _) in enumerate(kept)]).astype(int)
        place = np.concatenate([np.arange(len(c)) for c, _, _ in kept]).astype(int)
        costs, values = (np.concatenate([part[n] for part in kept]) for n in (0, 1))
        now = [
            _undominated(
                costs + joint[d - 1, before, k] + price[d, k], values + couple[d - 1, before, k] + value[d, k], limit
            )
            for k in options
        ]
        steps.append([(before[chosen], place[chosen]) for _, _, chosen in now])
        kept = now
    ends = [part[1].max() if len(part[1]) else -math.inf for part in kept]
    k = int(np.argmax(ends))
    if ends[k] == -math.inf:
        raise ValueError(f"no combination costs {limit} or less")
    arch, at = [k], int(np.argmax(kept[k][1]))
    for step in reversed(steps):
        before, place = step[arch[-1]]
        arch, at = [*arch, int(before[at])], int(place[at])
    return tuple(reversed(arch))


def _undominated(costs: np.ndarray, values: np.ndarray, limit: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Costs, values and places of what is allowed and beaten by nothing that costs as little."""
    order = np.lexsort((-values, costs))
    order = order[(costs[order] <= limit) & np.isfinite(values[order])]
    best = np.maximum.accumulate(np.concatenate([[-math.inf], values[order]]))
    order = order[values[order] > best[:-1]]
    return costs[order], values[order], order
