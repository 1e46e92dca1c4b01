"""A fast judge of strategies: an evaluator whose value is a multilinear function of the gates.

An architecture's value is a sum of terms, each looked up by a few decisions. With soft gates z, rows adding up to
1, the same sum is the expected value of sampling every decision from its row, exact and differentiable:

    value(z) = sum_t <W_t, z_i x z_j x ...>

A full table over D decisions is the one term that contains them all. No network is trained: a score takes less
than a millisecond, and the optimum is known.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from appnas.estimate import Stateless
from appnas.loop import search_loop
from appnas.space import Arch, Choice, Gates, Space, decisions, random_arch
from appnas.strategy import Draw, Score, Strategy


class Term(NamedTuple):
    """A part of the value.

    Attributes:
        positions: the decisions it depends on.
        weights: one axis for each of them, as long as its options.
    """

    positions: tuple[int, ...]
    weights: Tensor


class Oracle(Stateless):
    """Scores draws by a multilinear function; the value is attached to the gates.

    Args:
        choices: the decisions.
        terms: what the value is the sum of.
        best: the architecture with the largest value.

    Raises:
        ValueError: a term whose shape does not match its decisions.
    """

    def __init__(self, choices: tuple[Choice, ...], terms: Sequence[Term], best: Arch):
        counts = [len(options) for options in decisions(choices)]
        for positions, weights in terms:
            expected = tuple(counts[position] for position in positions)
            if tuple(weights.shape) != expected:
                raise ValueError(f"a term over the decisions {positions} has the shape {expected}, got {weights.shape}")
        self.choices, self.terms, self.best = choices, tuple(terms), best
        self.lists: list[tuple[tuple[int, ...], Any]] = [(p, weights.tolist()) for p, weights in terms]

    def of(self, arch: Arch) -> float:
        """The value of an architecture."""
        total = 0.0
        for positions, entry in self.lists:
            for position in positions:
                entry = entry[arch[position]]
            total += float(entry)
        return total

    def values(self, gates: Gates) -> Tensor:
        """The value of gates, differentiable.

        Shapes:
            gates: each [count, K] or [B, count, K]. returns: [] or [B].
        """
        rows = [row for matrix in gates for row in matrix.unbind(-2)]
        return torch.stack(
            [_contract(weights, [rows[position] for position in positions]) for positions, weights in self.terms]
        ).sum(0)

    def score(self, draw: Draw) -> Score:
        """The value of the gates, averaged over a batch axis; of the architecture if there are no gates."""
        value = torch.tensor(self.of(draw.arch)) if draw.gates is None else self.values(draw.gates).mean()
        return Score(value, {"true": self.of(draw.arch)})


def _contract(weights: Tensor, rows: Sequence[Tensor]) -> Tensor:
    """<W, z_1 x ... x z_n>. Shapes: weights [K_1, ..., K_n]; rows [K_i] or [B, K_i]; returns [] or [B]."""
    total = weights.to(rows[0].dtype)
    axis = rows[0].dim() - 1
    for i, row in enumerate(rows, start=1):
        total = (total * row.reshape(*row.shape, *[1] * (len(rows) - i))).sum(axis)
    return total


def tabulated(choices: tuple[Choice, ...], archs: Sequence[Arch], values: Sequence[float]) -> Oracle:
    """The oracle of a complete table, for example NAS-Bench-201's 5^6 accuracies.

    Raises:
        ValueError: the table does not hold every combination of options.
    """
    shape = [len(options) for options in decisions(choices)]
    if len(set(archs)) != math.prod(shape) or len(archs) != len(values):
        raise ValueError(
            f"a complete table has {math.prod(shape)} architectures with one value each,"
            f" got {len(set(archs))} different ones and {len(values)} values"
        )
    table = torch.empty(shape, dtype=torch.float64)
    table[tuple(torch.tensor(archs).T)] = torch.tensor(values, dtype=torch.float64)
    best = torch.unravel_index(table.argmax(), shape)
    return Oracle(choices, [Term(tuple(range(len(shape))), table)], tuple(int(index) for index in best))


def planted(space: Space, seed: int = 0) -> Oracle:
    """A random oracle with a valid planted optimum of value 1: a term for each decision and for each two in a row.

    All weights are positive, those off the optimum at most 0.8 of those on it.
    """
    best = random_arch(space, random.Random(f"planted {seed}"))  # not what a strategy of that seed draws first
    counts = [len(options) for options in decisions(space.choices)]
    spots = [(d,) for d in range(len(counts))] + [(d, d + 1) for d in range(len(counts) - 1)]
    rng = torch.Generator().manual_seed(seed)
    terms = []
    for positions in spots:
        weights = 0.8 * torch.rand([counts[d] for d in positions], generator=rng, dtype=torch.float64)
        weights[tuple(best[d] for d in positions)] = 1.0
        terms.append(Term(positions, weights / len(spots)))
    return Oracle(space.choices, terms, best)


def judge(make: Callable[[int], Strategy], oracle: Oracle, steps: int, seeds: int = 3) -> list[float]:
    """True values of what a strategy ends with, one for each seed.

    Args:
        make: seed -> strategy.
        oracle: the judge.
        steps: scores in each search.
        seeds: number of searches.
    """
    return [oracle.of(search_loop(make(seed), oracle, steps).best) for seed in range(seeds)]
