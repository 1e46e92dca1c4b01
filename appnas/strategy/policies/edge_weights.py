"""A controller of plain weights, multiplied after every score (Chang et al., ICCAD 2021, arXiv 2012.01737).

Every option of every decision has a weight w, 1 at first; to take an edge and to leave it out are options like others.
An option is drawn with the probability w / (sum of the decision's weights): every edge by itself, so that graphs may
become dense or sparse. Of a scored sample, what was taken moves by

    w <- w exp(alpha (mu - b) / s),    b and s the moving mean and deviation of mu.

Source: notes on the paper, which give the rule below but neither alpha nor the first weights.

Deviates: the notes have shares, the softmax of w over the edges that leave one vertex, each edge taken if its share
exceeds a uniform number; exp(alpha (mu - beta)) with beta the mean of the best five mu so far; and only edges taken
move. Read so (`rule="notes"`, kept for comparison) nothing is learned: mu is below beta nearly always, so the weights
of all that is sampled fall to their floor, and shares add up to 1, so about one edge leaves a vertex whatever the
weights are. Exponents are clipped, and so are weights, under both rules. Alpha and the momentum of b and s were chosen
on planted values over 168 edges, 400 samples.
"""

from __future__ import annotations

import math
import random
from typing import Literal

import torch

from appnas.space import Arch, Gates, Space, decisions, legal, split
from appnas.strategy.archive import Archive
from appnas.strategy.policies.advantage import Advantage
from appnas.strategy.protocol import Draw, Score
from appnas.support import Saved

Rule = Literal["odds", "notes"]
TOP = 5
"""Scores whose mean is beta, in the rule of the notes."""
LARGEST = {"odds": 64.0, "notes": 8.0}
"""Of a weight, and one by it the smallest: e^8 to 1 in a softmax is as good as certain."""


class EdgeWeights(Saved):
    """Sampling by weights that are multiplied.

    Args:
        space: what to search. `bundles`, if it has them, are the decisions on the edges that leave one vertex, each
            binary with the edge as its second option; those of a vertex that leads nowhere learn nothing. Its
            `reached`, if it has it, leaves out edges that are without effect.
        rng: source of randomness.
        rate: alpha.
        clip: largest exponent either way.
        momentum: of b and s.
        rule: "odds", or "notes" for that of the notes, with alpha in units of mu.
    """

    saved = ("weights", "advantage", "best_values", "rng", "archive")

    def __init__(
        self,
        space: Space,
        rng: random.Random,
        rate: float = 0.15,
        clip: float = 1.0,
        momentum: float = 0.8,
        rule: Rule = "odds",
    ):
        self.space, self.rng, self.rate, self.clip, self.rule = space, rng, rate, clip, rule
        self.legal = legal(space)
        self.bundles: tuple[tuple[int, ...], ...] = getattr(space, "bundles", ())
        inside = {position for bundle in self.bundles for position in bundle}
        self.single = [position for position in range(len(self.legal)) if position not in inside]
        self.weights = [[1.0] * len(options) for options in decisions(space.choices)]
        self.advantage = Advantage(momentum, scaled=True)
        self.best_values: list[float] = []
        self.archive = Archive()

    def probabilities(self) -> list[list[float]]:
        """Of every option of every decision, those that the space's mask excludes at 0."""
        share = _proportional if self.rule == "odds" else _softmax
        found = [[0.0] * len(row) for row in self.weights]
        for position in range(len(found)) if self.rule == "odds" else self.single:
            shares = share([self.weights[position][k] for k in self.legal[position]])
            for k, p in zip(self.legal[position], shares, strict=True):
                found[position][k] = p
        for bundle in self.bundles if self.rule == "notes" else ():
            free = [position for position in bundle if self.legal[position] == [0, 1]]
            share_of = dict(zip(free, share([self.weights[position][1] for position in free]), strict=True))
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
        taken = getattr(self.space, "reached", tuple)(draw.arch)
        if self.rule == "odds":
            exponent = self.rate * self.advantage.of_one(value)
            alive = [position for bundle in self.bundles if any(taken[p] for p in bundle) for position in bundle]
        else:
            self.best_values = sorted([*self.best_values, value], reverse=True)[:TOP]
            exponent = self.rate * (value - sum(self.best_values) / len(self.best_values))
            alive = [position for bundle in self.bundles for position in bundle if taken[position]]
        factor, largest = math.exp(min(max(exponent, -self.clip), self.clip)), LARGEST[self.rule]
        for position in (*self.single, *alive):
            row, k = self.weights[position], taken[position]
            row[k] = min(max(row[k] * factor, 1 / largest), largest)

    def best(self) -> Arch:
        """The best seen."""
        return self.archive.get()

    def distribution(self) -> Gates:
        """Probability of every option."""
        rows = [torch.tensor(row) for row in self.probabilities()]
        return split(self.space.choices, rows)


def _proportional(weights: list[float]) -> list[float]:
    return [weight / sum(weights) for weight in weights]


def _softmax(weights: list[float]) -> list[float]:
    if not weights:
        return []
    top = max(weights)
    powers = [math.exp(weight - top) for weight in weights]
    return [power / sum(powers) for power in powers]
