"""A controller of plain weights, multiplied after every score (Chang et al., ICCAD 2021, arXiv 2012.01737).

Every option of every decision has a weight w, 1 at first. Options that are in rivalry are drawn by the softmax of
their weights; edges of a graph that leave one vertex are not in rivalry, so each is taken if its share of that
softmax exceeds a uniform number. Of a scored sample, every option taken moves by

    w <- w exp(alpha (mu - beta)),    beta the mean of the best five mu so far,

so that what is taken by samples better than the best five gains. Source: notes on the paper, which give this rule but
neither alpha nor the first weights. Deviates: alpha (mu - beta) is clipped, and so are the weights.
"""

from __future__ import annotations

import math
import random

import torch

from appnas.space import Arch, Gates, Space, decisions, legal, split
from appnas.strategy.archive import Archive
from appnas.strategy.protocol import Draw, Score
from appnas.support import Saved

TOP = 5
"""Scores whose mean is beta."""
LARGEST = 8.0
"""Of a weight: e^8 to 1 is as good as certain."""


class EdgeWeights(Saved):
    """Sampling by weights that are multiplied.

    Args:
        space: what to search. If it has `bundles`, tuples of the decisions on the edges that leave one vertex, every
        one
            binary with the edge as its second option, they are drawn edge by edge; other decisions take one option.
        rng: source of randomness.
        rate: alpha.
        clip: largest |alpha (mu - beta)|.
    """

    saved = ("weights", "best_values", "rng", "archive")

    def __init__(self, space: Space, rng: random.Random, rate: float = 1.0, clip: float = 1.0):
        self.space, self.rng, self.rate, self.clip = space, rng, rate, clip
        self.legal = legal(space)
        self.bundles: tuple[tuple[int, ...], ...] = getattr(space, "bundles", ())
        inside = {position for bundle in self.bundles for position in bundle}
        self.single = [position for position in range(len(self.legal)) if position not in inside]
        self.weights = [[1.0] * len(options) for options in decisions(space.choices)]
        self.best_values: list[float] = []
        self.archive = Archive()

    def probabilities(self) -> list[list[float]]:
        """Of every option of every decision, those that the space's mask excludes at 0."""
        found = [[0.0] * len(row) for row in self.weights]
        for position in self.single:
            shares = _softmax([self.weights[position][k] for k in self.legal[position]])
            for k, share in zip(self.legal[position], shares, strict=True):
                found[position][k] = share
        for bundle in self.bundles:
            free = [position for position in bundle if self.legal[position] == [0, 1]]
            share_of = dict(zip(free, _softmax([self.weights[position][1] for position in free]), strict=True))
            for position in bundle:
                taken = share_of.get(position, float(self.legal[position] == [1]))
                found[position] = [1 - taken, taken]
        return found

    def ask(self) -> Draw:
        """A sample; if it breaks the space's rules, they mend it."""
        probabilities = self.probabilities()
        arch = tuple(self.rng.choices(range(len(row)), row)[0] for row in probabilities)
        if self.space.valid(arch):
            return Draw(arch)
        scores = [[p + (k == taken) for k, p in enumerate(row)] for row, taken in zip(probabilities, arch, strict=True)]
        mended = self.space.discretise(split(self.space.choices, [torch.tensor(row) for row in scores]))
        return Draw(mended, action=arch)

    def tell(self, draw: Draw, score: Score) -> None:
        """Multiply the weights of what was taken; a value that is not finite says nothing."""
        value = float(score.value)
        self.archive.update(draw.arch, value)
        if not math.isfinite(value):
            return
        self.best_values = sorted([*self.best_values, value], reverse=True)[:TOP]
        exponent = self.rate * (value - sum(self.best_values) / len(self.best_values))
        factor = math.exp(min(max(exponent, -self.clip), self.clip))
        taken = getattr(self.space, "reached", tuple)(draw.arch)
        inside = {position for bundle in self.bundles for position in bundle}
        for position, k in enumerate(taken):
            if position not in inside or k == 1:
                row = self.weights[position]
                row[k] = min(max(row[k] * factor, 1 / LARGEST), LARGEST)

    def best(self) -> Arch:
        """The best seen."""
        return self.archive.get()

    def distribution(self) -> Gates:
        """Probability of every option."""
        rows = [torch.tensor(row) for row in self.probabilities()]
        return split(self.space.choices, rows)


def _softmax(weights: list[float]) -> list[float]:
    if not weights:
        return []
    top = max(weights)
    powers = [math.exp(weight - top) for weight in weights]
    return [power / sum(powers) for power in powers]
