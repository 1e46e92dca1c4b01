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
    """Asks those who have to enter once, then the best in turn, and gathers what they are told."""

    saved = ("asked", "values", "losses", "sizes")

    def __init__(self, top: Callable[[], list[Arch]], by: By, simplest: bool, entrants: Sequence[Arch]):
        self.top, self.by, self.simplest, self.entrants = top, by, simplest, entrants
        self.asked: dict[Arch, int] = {}
        self.values: dict[Arch, list[float]] = {}
        self.losses: dict[Arch, list[float]] = {}
        self.sizes: dict[Arch, float] = {}

    def ask(self) -> Draw:
        """The next that has to enter, or the first of the best that was asked least."""
        new = (arch for arch in self.entrants if arch not in self.asked)
        arch = next(new, None) or min(self.top(), key=lambda arch: self.asked.get(arch, 0))
        self.asked[arch] = self.asked.get(arch, 0) + 1
        return Draw(arch)

    def tell(self, draw: Draw, score: Score) -> None:
        """Gather."""
        value = float(score.value)
        self.values.setdefault(draw.arch, []).append(value if value == value else float("-inf"))
        loss = score.metrics.get("loss", float("nan"))
        self.losses.setdefault(draw.arch, []).append(loss if loss == loss else float("inf"))
        self.sizes[draw.arch] = score.metrics.get("parameters", 0.0)

    def best(self) -> Arch:
        """The one of the best that is chosen."""
        values, losses = ({arch: told[arch] for arch in self.top()} for told in (self.values, self.losses))
        return chosen(values, losses, self.sizes, self.by, self.simplest)


class Ranked(TwoPhases):
    """A strategy whose best few are asked again and ranked by their mean value: the last stage of a search.

    `appnas.estimate.ThenScratch` is the evaluator for it.

    Args:
        strategy: searches for the first `steps` steps.
        steps: scores told before the ranking begins.
        top: architectures that are ranked, fewer if fewer were found; every further step ranks the next of them.
        by, simplest: how one of them is chosen (`appnas.strategy.chosen`).
        given: architectures that the search began with: the best of them are ranked, too (`Finalists`).
        longer: whether the last stage trains longer than the search: then it begins with one training of all that are
            given, which says which of them are the best, and counts among the trainings of these.
        name: what an architecture is known by; those of one name are ranked once.
    """

    saved: tuple[str, ...] = (*TwoPhases.saved, "finalists")

    def __init__(
        self, strategy: Strategy, steps: int, top: int, by: By = "value", simplest: bool = False,
        given: Sequence[Arch] = (), longer: bool = False, name: Name = itself,
    ):  # fmt: skip
        self.strategy, self.steps, self.by, self.simplest = strategy, steps, by, simplest
        self.finalists = Finalists(top, by, given, name)
        self._last = _Again(self.top, by, simplest, list(dict.fromkeys(map(tuple, given))) if longer else [])
        super().__init__(first(steps), strategy, self._last)

    def top(self) -> list[Arch]:
        """What is ranked, the best first."""
        return self.finalists.top()

    @property
    def entrants(self) -> Sequence[Arch]:
        """What the last stage begins with."""
        return self._last.entrants

    def at(self, step: int) -> Strategy:
        """The strategy, until there is something to ask again."""
        return super().at(step) if self.finalists.values.best else self.one

    def tell(self, draw: Draw, score: Score) -> Draw | None:
        """Passed on, then gathered."""
        told = draw.arch, float(score.value), score.metrics.get("loss", float("nan"))
        if self.told < self.steps:
            self.finalists.update(*told)
        elif draw.arch in self.entrants and draw.arch not in self.again:
            self.finalists.enter(*told)
        return super().tell(draw, score)

    def best(self) -> Arch:
        """The one chosen among the best once all were ranked, until then the strategy's own best."""
        done = self.again and self.again.keys() >= {*self.top(), *self.entrants}
        return self._last.best() if done else self.strategy.best()

    @property
    def again(self) -> dict[Arch, list[float]]:
        """The values of the last stage."""
        return self._last.values

    def ranked(self) -> list[float]:
        """The values of the best in the last stage; none before that."""
        return self.again.get(self.best(), [])
