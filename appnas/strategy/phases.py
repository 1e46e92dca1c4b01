"""Searches of two phases: one strategy in some steps, another in the others.

A phase is a function of the number of steps so far, which strategy and evaluator share, so that both phases are steps
of the one search loop: recorded, checkpointed and resumed. `appnas.estimate.TwoPhaseEvaluator` is the other half.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from appnas.space import Arch, Space, random_arch
from appnas.strategy.archive import Archive
from appnas.strategy.protocol import Draw, Score, Strategy
from appnas.support import ExhaustedError, Saved

Part = TypeVar("Part")
Phase = Callable[[int], bool]
"""Number of steps so far -> whether the next one is of the first phase."""


def first(steps: int) -> Phase:
    """The first steps, and no others."""
    return partial(operator.gt, steps)


class Phased(Saved, Generic[Part]):
    """Two parts, one for each phase, and their state.

    Args:
        phase: which steps are of the first.
        one: the part of the first phase.
        two: the part of the second, or None if it is to be made when it is wanted.
        make: makes it.
    """

    def __init__(self, phase: Phase, one: Part, two: Part | None = None, make: Callable[[], Part] | None = None):
        self.phase, self.one, self._two, self._make = phase, one, two, make

    @property
    def two(self) -> Part:
        """The part of the second phase."""
        if self._two is None:
            assert self._make is not None
            self._two = self._make()
        return self._two

    def begin(self) -> Part:
        """Make the part of the second phase."""
        return self.two

    @property
    def begun(self) -> bool:
        """Whether there is a part of the second phase."""
        return self._two is not None

    def at(self, step: int) -> Part:
        """The part that does a step."""
        return self.one if self.phase(step) else self.two

    def state_dict(self) -> dict[str, Any]:
        """Of both parts, and what else is named."""
        parts: Any = [self.one, *([self.two] if self.begun else [])]
        return {"parts": [part.state_dict() for part in parts], **super().state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        self._two = None if self._make else self._two
        parts: Any = [self.one, *([self.two] if len(state["parts"]) > 1 else [])]
        for part, saved in zip(parts, state["parts"], strict=True):
            part.load_state_dict(saved)


class TwoPhases(Phased[Strategy]):
    """Two strategies; each sees its own steps alone. The best is the second's, once that has begun."""

    saved: tuple[str, ...] = ("asked", "told")

    asked = told = 0

    def ask(self) -> Draw:
        """The draw of the step's strategy."""
        draw = self.at(self.asked).ask()
        self.asked += 1
        return draw

    def tell(self, draw: Draw, score: Score) -> Draw | None:
        """Passed on to the step's strategy."""
        step, self.told = self.told, self.told + 1
        return self.at(step).tell(draw, score)

    def best(self) -> Arch:
        """The second strategy's, or else the first's."""
        return (self.two if self.begun else self.one).best()


class _Path(Saved):
    """Asks architectures and learns nothing."""

    saved = ("rng", "asked")

    def __init__(self, rng: random.Random, path: Callable[[int], Arch]):
        self.rng, self.path, self.asked = rng, path, 0

    def ask(self) -> Draw:
        """The next path."""
        self.asked += 1
        return Draw(self.path(self.asked - 1))

    def tell(self, draw: Draw, score: Score) -> None:
        """Nothing to learn."""

    def best(self) -> Arch:
        """None."""
        raise ValueError("no score was told yet: there is no best architecture")


class SinglePaths(TwoPhases):
    """Single paths while a supernet trains, a strategy while it scores.

    Uniform single paths are those of Guo et al. (ECCV 2020, arXiv 1904.00420).

    Args:
        space: whose valid architectures are drawn.
        rng: source of the paths.
        strategy: asked and told in the steps that score; it never sees the others.
        trains: which steps train.
        path: training steps so far -> the path to train on; by default a uniformly random architecture.
    """

    def __init__(
        self,
        space: Space,
        rng: random.Random,
        strategy: Strategy,
        trains: Phase,
        path: Callable[[int], Arch] | None = None,
    ):
        super().__init__(trains, _Path(rng, path or (lambda step: random_arch(space, rng))), strategy)
        self.trains, self.strategy = trains, strategy


class Started(Saved):
    """A strategy that begins with given architectures: a warm start of any that asks for architectures by themselves.

    They are asked first, and told to the strategy as if they were its own: they count among its first random ones if it
    has such (a method `given(arch)` says so to it), and are not proposed again where it remembers what it proposed.

    Args:
        strategy: goes on after them.
        archs: the architectures, the most promising first.
    """

    saved = ("strategy", "archs", "asked")

    def __init__(self, strategy: Strategy, archs: Sequence[Arch]):
        self.strategy, self.archs, self.asked = strategy, list(archs), 0

    def ask(self) -> Draw:
        """The next of those given, then the strategy's."""
        if self.asked == len(self.archs):
            return self.strategy.ask()
        arch, self.asked = tuple(self.archs[self.asked]), self.asked + 1
        if hasattr(self.strategy, "given"):
            self.strategy.given(arch)
        if isinstance(archive := getattr(self.strategy, "archive", None), Archive):
            archive.seen.add(archive.name(arch))
        return Draw(arch)

    def tell(self, draw: Draw, score: Score) -> Draw | None:
        """Passed on."""
        return self.strategy.tell(draw, score)

    def best(self) -> Arch:
        """The strategy's."""
        return self.strategy.best()


def from_known(strategy: Strategy, space: Space, on: bool) -> Strategy:
    """The strategy, begun with the hand-made networks of the space (`hand_made`) if it has some."""
    known = list((getattr(space, "hand_made", None) or {}).values())
    return Started(strategy, known) if on and known else strategy


class Sifted(TwoPhases):
    """A strategy under a cheap score first; the best of all that it looked at are where a second one starts.

    Where the first has nothing left to propose, its best is asked again, which `appnas.estimate.Cached` answers.

    Args:
        strategy: asked and told the cheap scores for the first `steps` steps.
        steps: its steps.
        keep: architectures that the second one starts with.
        make: the architectures, the best first -> the second strategy.
    """

    saved: tuple[str, ...] = (*TwoPhases.saved, "kept", "true")

    def __init__(self, strategy: Strategy, steps: int, keep: int, make: Callable[[list[Arch]], Strategy]):
        self.steps, self.kept, self.true = steps, Archive(keep), Archive()
        super().__init__(first(steps), strategy, make=lambda: make(self.found()))

    def found(self) -> list[Arch]:
        """The best so far under the cheap score, those that failed left out."""
        return [arch for arch, value in self.kept.best if value > float("-inf")]

    def ask(self) -> Draw:
        """The draw of the step's strategy."""
        try:
            return super().ask()
        except ExhaustedError:
            if self.asked >= self.steps or not self.kept.best:
                raise
        self.asked += 1
        return Draw(self.kept.get())

    def tell(self, draw: Draw, score: Score) -> Draw | None:
        """Passed on to the step's strategy."""
        (self.kept if self.told < self.steps else self.true).update(draw.arch, float(score.value))
        return super().tell(draw, score)

    def best(self) -> Arch:
        """The best by its true value, before there is one by the cheap score."""
        return self.true.get() if self.true.best else self.one.best()

    def ranked(self) -> list[float]:
        """The true value of the best; none before the second phase: the first's values are of another kind."""
        return [value for _, value in self.true.best]
