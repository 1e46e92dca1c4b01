"""Evaluators of two phases, as their strategies are (`appnas.strategy.TwoPhases`), and the last stage of a search."""

from __future__ import annotations

from typing import Any

from appnas.estimate.evaluator import Evaluator, Scratch, Stateless, recall
from appnas.space import Arch, Space
from appnas.strategy import Draw, Phased, Score, first
from appnas.task import Domain


class TwoPhaseEvaluator(Phased[Evaluator]):
    """Two evaluators, one for each phase of a search. A draw is learned from by the one that scored last."""

    saved = ("scored",)

    scored = 0

    def score(self, draw: Draw) -> Score:
        """By the step's evaluator."""
        self.scored += 1
        return self.at(self.scored - 1).score(draw)

    def learn(self, draw: Draw) -> None:
        """Passed on."""
        self.at(self.scored - 1).learn(draw)

    def recall(self, state: dict[str, Any]) -> None:
        """Passed on to the first phase's: what the second trained depends on how often it did."""
        recall(self.one, state["parts"][0])


class _Repeats(Stateless):
    """Training from scratch, an architecture's n-th with the n-th seed, and the n-th fold."""

    saved = ("times",)

    def __init__(self, space: Space, domain: Domain, budget: int, seed: int, folds: int):
        self.space, self.domain, self.budget, self.seed, self.folds = space, domain, budget, seed, folds
        self.times: dict[Arch, int] = {}

    def fold(self, time: int) -> Domain:
        """The domain of an architecture's n-th training."""
        make = getattr(self.domain, "fold", None) if self.folds > 1 else None
        return make(time % self.folds, self.folds) if make else self.domain

    def score(self, draw: Draw) -> Score:
        """The next training of an architecture."""
        done = self.times.get(draw.arch, 0)
        self.times[draw.arch] = done + 1
        return Scratch(self.space, self.fold(done), self.budget, self.seed + done).score(draw)


class ThenScratch(TwoPhaseEvaluator):
    """An evaluator for the first steps; afterwards training from scratch, for `appnas.strategy.Ranked`.

    Args:
        evaluator: of the search.
        steps: scores before the ranking begins.
        space, domain, budget, seed: of the trainings from scratch.
        folds: if above 1, the n-th training is on the n-th of so many folds, where the domain has such.

    Raises:
        ValueError: the domain cannot make one of the folds.
    """

    def __init__(
        self, evaluator: Evaluator, steps: int, space: Space, domain: Domain, budget: int, seed: int, folds: int = 0
    ):
        self.evaluator, self.budget, self.folds = evaluator, budget, folds
        repeats = _Repeats(space, domain, budget, seed, folds)
        for index in range(folds):
            try:
                repeats.fold(index)
            except ValueError as error:  # now, not after the search
                raise ValueError(f"fold {index + 1} of {folds}: {error}; or search without folds (folds=0)") from error
        super().__init__(first(steps), evaluator, repeats)
