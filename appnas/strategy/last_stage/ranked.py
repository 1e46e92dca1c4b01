"""The last stage of a search: the best few are asked again, and one of them is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from appnas.space import Arch, Name
from appnas.strategy.last_stage.choosing import By, chosen
from appnas.strategy.last_stage.finalists import Finalists
from appnas.strategy.phases import TwoPhases, first
from appnas.strategy.protocol import Draw, Score, Strategy
from appnas.support import Saved
from appnas.support.plain import itself


class _Again(Saved):
    """Asks the best of an archive in turn, and gathers what they are told."""

    saved = ("asked", "values", "losses", "sizes")

    def __init__(self, top: Callable[[], list[Arch]], by: By, simplest: bool):
        self.top, self.by, self.simplest, self.asked = top, by, simplest, 0
        self.values: dict[Arch, list[float]] = {}
        self.losses: dict[Arch, list[float]] = {}
        self.sizes: dict[Arch, float] = {}

    def ask(self) -> Draw:
        """The next of the best."""
        top = self.top()
        self.asked += 1
        return Draw(top[(self.asked - 1) % len(top)])

    def tell(self, draw: Draw, score: Score) -> None:
        """Gather."""
        value = float(score.value)
        self.values.setdefault(draw.arch, []).append(value if value == value else float("-inf"))
        loss = score.metrics.get("loss", float("nan"))
        self.losses.setdefault(draw.arch, []).append(loss if loss == loss else float("inf"))
        self.sizes[draw.arch] = score.metrics.get("parameters", 0.0)

    def best(self) -> Arch:
        """The one that is chosen."""
        return chosen(self.values, self.losses, self.sizes, self.by, self.simplest)


class Ranked(TwoPhases):
    """A strategy whose best few are asked again and ranked by their mean value: the last stage of a search.

    `appnas.estimate.ThenScratch` is the evaluator for it.

    Args:
        strategy: searches for the first `steps` steps.
        steps: scores told before the ranking begins.
        top: architectures that are ranked, fewer if fewer were found; every further step ranks the next of them.
        by, simplest: how one of them is chosen (`appnas.strategy.chosen`).
        given: architectures that the search began with: the best of them are ranked, too (`Finalists`).
        name: what an architecture is known by; those of one name are ranked once.
    """

    saved: tuple[str, ...] = (*TwoPhases.saved, "finalists")

    def __init__(
        self, strategy: Strategy, steps: int, top: int, by: By = "value", simplest: bool = False,
        given: Sequence[Arch] = (), name: Name = itself,
    ):  # fmt: skip
        self.strategy, self.steps, self.by, self.simplest = strategy, steps, by, simplest
        self.finalists = Finalists(top, by, given, name)
        self._last = _Again(self.top, by, simplest)
        super().__init__(first(steps), strategy, self._last)

    def top(self) -> list[Arch]:
        """What is ranked, the best first."""
        return self.finalists.top()

    def at(self, step: int) -> Strategy:
        """The strategy, until there is something to ask again."""
        return super().at(step) if self.finalists.values.best else self.one

    def tell(self, draw: Draw, score: Score) -> Draw | None:
        """Passed on, then gathered."""
        if self.told < self.steps:
            self.finalists.update(draw.arch, float(score.value), score.metrics.get("loss", float("nan")))
        return super().tell(draw, score)

    def best(self) -> Arch:
        """The one chosen among the best once all were ranked, until then the strategy's own best."""
        done = self.again and self.again.keys() == set(self.top())
        return self._last.best() if done else self.strategy.best()

    @property
    def again(self) -> dict[Arch, list[float]]:
        """The values of the last stage."""
        return self._last.values

    def ranked(self) -> list[float]:
        """The values of the best in the last stage; none before that."""
        return self.again.get(self.best(), [])
