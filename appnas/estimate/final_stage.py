"""The last stage of a search: its best few architectures again, from scratch and over several seeds.

The stage is part of the loop, so it is recorded, checkpointed and resumed like everything before it.
"""

from __future__ import annotations

from typing import Any

from appnas.estimate.evaluator import Evaluator, Scratch, recall
from appnas.space import Arch, Space
from appnas.strategy import Draw, Score, Strategy
from appnas.task import Domain


class Ranked:
    """A strategy whose best few are asked again and ranked by their mean value.

    Args:
        strategy: searches for the first `steps` steps.
        steps: scores told before the ranking begins.
        top: architectures that are ranked, fewer if fewer were found; every further step ranks the next of them.
    """

    def __init__(self, strategy: Strategy, steps: int, top: int):
        self.strategy, self.steps, self.top = strategy, steps, top
        self.asked = self.told = 0
        self.values: dict[Arch, float] = {}
        self.again: dict[Arch, list[float]] = {}

    def candidates(self) -> list[Arch]:
        """The best by value, ties to the first."""
        return sorted(self.values, key=self.values.__getitem__, reverse=True)[: self.top]

    def ask(self) -> Draw:
        """The strategy's draw, or one of the best few in turn."""
        if self.asked < self.steps or not self.values:
            draw = self.strategy.ask()
        else:
            candidates = self.candidates()
            draw = Draw(candidates[(self.asked - self.steps) % len(candidates)])
        self.asked += 1
        return draw

    def tell(self, draw: Draw, score: Score) -> Draw | None:
        """Passed on, then gathered."""
        self.told += 1
        value = float(score.value)
        value = value if value == value else float("-inf")
        if self.told <= self.steps:
            self.values[draw.arch] = max(value, self.values.get(draw.arch, float("-inf")))
            return self.strategy.tell(draw, score)
        self.again.setdefault(draw.arch, []).append(value)
        return None

    def best(self) -> Arch:
        """The best by mean value once all were ranked, until then the strategy's own best."""
        if not self.again or self.again.keys() != set(self.candidates()):
            return self.strategy.best()
        return max(self.again, key=lambda arch: sum(self.again[arch]) / len(self.again[arch]))

    def ranked(self) -> list[float]:
        """The values of the best in the last stage; none before that."""
        return self.again.get(self.best(), [])

    def state_dict(self) -> dict[str, Any]:
        """The strategy's own, and all values."""
        return {
            "strategy": self.strategy.state_dict(),
            "counts": [self.asked, self.told],
            "values": [[list(arch), value] for arch, value in self.values.items()],
            "again": [[list(arch), values] for arch, values in self.again.items()],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.strategy.load_state_dict(state["strategy"])
        self.asked, self.told = state["counts"]
        self.values = {tuple(arch): value for arch, value in state["values"]}
        self.again = {tuple(arch): list(values) for arch, values in state["again"]}


class ThenScratch:
    """An evaluator for the first steps; afterwards training from scratch, an architecture's n-th with the n-th seed.

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
        self.evaluator, self.steps, self.seed, self.folds = evaluator, steps, seed, folds
        self.space, self.domain, self.budget = space, domain, budget
        for index in range(folds):
            try:
                self._domain(index)
            except ValueError as error:  # now, not after the search
                raise ValueError(f"fold {index + 1} of {folds}: {error}; or search without folds (folds=0)") from error
        self.scored = 0
        self.times: dict[Arch, int] = {}

    def score(self, draw: Draw) -> Score:
        """The evaluator's, then the ranking's."""
        self.scored += 1
        if self.scored <= self.steps:
            return self.evaluator.score(draw)
        done = self.times.get(draw.arch, 0)
        self.times[draw.arch] = done + 1
        return Scratch(self.space, self._domain(done), self.budget, self.seed + done).score(draw)

    def _domain(self, time: int) -> Domain:
        make = getattr(self.domain, "fold", None) if self.folds > 1 else None
        return make(time % self.folds, self.folds) if make else self.domain

    def learn(self, draw: Draw) -> None:
        """Passed on."""
        self.evaluator.learn(draw)

    def state_dict(self) -> dict[str, Any]:
        """The evaluator's own, and the counts."""
        times = [[list(arch), count] for arch, count in self.times.items()]
        return {"evaluator": self.evaluator.state_dict(), "scored": self.scored, "times": times}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.evaluator.load_state_dict(state["evaluator"])
        self.scored = state["scored"]
        self.times = {tuple(arch): count for arch, count in state["times"]}

    def recall(self, state: dict[str, Any]) -> None:
        """Passed on."""
        recall(self.evaluator, state["evaluator"])
