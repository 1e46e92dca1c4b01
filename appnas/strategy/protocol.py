"""Search strategies: propose architectures or gates, and learn from their scores. None of them sees data.

A strategy is asked for a draw and told its score. `ask` may be called several times before the first `tell`;
scores are told in the order asked, so a result never depends on which evaluation was faster.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from appnas.space import Arch, Gates, Space, all_of, itself, names, random_arch
from appnas.strategy.archive import Archive
from appnas.support import ExhaustedError, Failure, Saved


class Draw(NamedTuple):
    """A proposal.

    Attributes:
        arch: the architecture, for a soft draw the one that its gates point to.
        gates: soft or one-hot gates; None stands for the one-hot gates of `arch`. Those of n samples have a batch
            axis, and `arch` is what their mean points to.
        logp: log-probability of what a policy sampled, a number without a graph; [n] with a graph for n samples.
        action: what the policy sampled, where the space's rules made another architecture of it.
        budget: how far to train, in the evaluator's unit (epochs, environment steps); None for all the way.
        since: how far an earlier draw of the architecture has trained it, if any: this one goes on from there.
        looks: (budget, value): on the way the training is validated there, and ends where its best is below the value.
        dropped: in what `tell` answers, (architecture, budget) of trainings that nothing will go on from.
    """

    arch: Arch
    gates: Gates | None = None
    logp: Tensor | None = None
    action: Arch | None = None
    budget: int | None = None
    since: int = 0
    looks: tuple[tuple[int, float], ...] = ()
    dropped: tuple[tuple[Arch, int], ...] = ()


class Score(NamedTuple):
    """What an evaluator says of a draw.

    Attributes:
        value: to be maximised; attached to the gates where the evaluator is differentiable.
        metrics: named numbers, units in the names; "failed" is 1 if the evaluation failed.
        failure: why it failed, if it did.
    """

    value: Tensor
    metrics: Mapping[str, float] = {}
    failure: Failure | None = None


@runtime_checkable
class Strategy(Protocol):
    """Ask and tell."""

    def ask(self) -> Draw:
        """Propose.

        Raises:
            ExhaustedError: nothing is left to propose: the search ends as after its last step.
        """

    def tell(self, draw: Draw, score: Score) -> Draw | None:
        """Learn from a score. Returns the draw that shared weights should learn on, if not the scored one."""

    def best(self) -> Arch:
        """The architecture to use, by what was told so far."""

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on, as tensors, numbers, strings and containers of them."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""


def prepare(strategy: Strategy, count: int) -> None:
    """Say that so many draws will be asked for: a policy then walks once for all (`PolicyGradient.prepare`)."""
    if count > 1 and hasattr(strategy, "prepare"):
        strategy.prepare(count)


class Random(Saved):
    """Uniformly random valid architectures: the control of every other strategy.

    Args:
        space: what to search.
        rng: source of randomness.
        distinct: no network twice, where the space can tell (`canonical`); else they are drawn with replacement.
    """

    saved = ("rng", "archive")

    def __init__(self, space: Space, rng: random.Random, distinct: bool = False):
        self.space, self.rng = space, rng
        self.archive = Archive(name=names(space, distinct))

    def ask(self) -> Draw:
        """A random architecture.

        Raises:
            ExhaustedError: they are to be distinct, and there is no other.
        """
        if self.archive.name is itself:
            return Draw(random_arch(self.space, self.rng))
        if found := self.archive.new(self.space, self.rng, 1):
            return Draw(found[0])
        raise ExhaustedError(all_of(len(self.archive.seen)))

    def tell(self, draw: Draw, score: Score) -> None:
        """Remember the best."""
        self.archive.update(draw.arch, float(score.value))

    def best(self) -> Arch:
        """The best seen."""
        return self.archive.get()
