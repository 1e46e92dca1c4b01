"""Search strategies: propose architectures or gates, and learn from their scores. None of them sees data.

A strategy is asked for a draw and told its score. `ask` may be called several times before the first `tell`;
scores are told in the order asked, so a result never depends on which evaluation was faster.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from appnas.contract import ExhaustedError
from appnas.failure import Failure
from appnas.novel import unseen
from appnas.space import Arch, Gates, Space, mutate, random_arch


class Draw(NamedTuple):
    """A proposal.

    Attributes:
        arch: the architecture, for a soft draw the one that its gates point to.
        gates: soft or one-hot gates; None stands for the one-hot gates of `arch`. Those of n samples have a batch
            axis, and `arch` is what their mean points to.
        logp: log-probability of what a policy sampled, a number without a graph; [n] with a graph for n samples.
        action: what the policy sampled, where the space's rules made another architecture of it.
    """

    arch: Arch
    gates: Gates | None = None
    logp: Tensor | None = None
    action: Arch | None = None


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
            ExhaustedError: nothing is left to propose (`appnas.contract`): the search ends as after its last step.
        """

    def tell(self, draw: Draw, score: Score) -> Draw | None:
        """Learn from a score. Returns the draw that shared weights should learn on, if not the scored one."""

    def best(self) -> Arch:
        """The architecture to use, by what was told so far."""

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on, as tensors, numbers, strings and containers of them."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""


class Incumbent:
    """Best architecture so far, ties to the first."""

    def __init__(self) -> None:
        self.arch: Arch | None = None
        self.value = float("-inf")

    def update(self, arch: Arch, value: float) -> None:
        """Keep the better one. A NaN never wins."""
        if self.arch is None or value > self.value:
            self.arch, self.value = arch, value if value == value else float("-inf")

    def get(self) -> Arch:
        """The best.

        Raises:
            ValueError: nothing was told yet.
        """
        if self.arch is None:
            raise ValueError("no score was told yet: there is no best architecture")
        return self.arch

    def state(self) -> list[Any]:
        """As plain containers."""
        return [self.arch, self.value]

    def load(self, state: list[Any]) -> None:
        """From `state`."""
        self.arch, self.value = None if state[0] is None else tuple(state[0]), float(state[1])


def rng_state(rng: random.Random) -> list[Any]:
    """A generator's state as plain containers."""
    version, internal, gauss = rng.getstate()
    return [version, list(internal), gauss]


def set_rng(rng: random.Random, state: list[Any]) -> None:
    """Put a generator into a state that `rng_state` gave."""
    rng.setstate((state[0], tuple(state[1]), state[2]))


class Random:
    """Uniformly random valid architectures: the control of every other strategy."""

    def __init__(self, space: Space, rng: random.Random):
        self.space, self.rng = space, rng
        self.incumbent = Incumbent()

    def ask(self) -> Draw:
        """A random architecture."""
        return Draw(random_arch(self.space, self.rng))

    def tell(self, draw: Draw, score: Score) -> None:
        """Remember the best."""
        self.incumbent.update(draw.arch, float(score.value))

    def best(self) -> Arch:
        """The best seen."""
        return self.incumbent.get()

    def state_dict(self) -> dict[str, Any]:
        """Generator and incumbent."""
        return {"rng": rng_state(self.rng), "incumbent": self.incumbent.state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        set_rng(self.rng, state["rng"])
        self.incumbent.load(state["incumbent"])


class Evolution:
    """Regularised evolution: tournament selection, one mutation, the oldest dies (Real et al., arXiv 1802.01548).

    Args:
        space: what to search.
        rng: source of randomness.
        population: P of the paper's algorithm 1.
        sample: S, the size of a tournament, drawn with replacement.
        change: parent -> child; by default one mutation.
    """

    def __init__(
        self,
        space: Space,
        rng: random.Random,
        population: int = 100,
        sample: int = 25,
        change: Callable[[Space, Arch, random.Random], Arch] = mutate,
    ):
        if not 1 <= sample <= population:
            raise ValueError(f"1 <= sample <= population must hold, got sample={sample}, population={population}")
        self.space, self.rng, self.size, self.sample, self.change = space, rng, population, sample, change
        self.population: list[tuple[Arch, float]] = []
        self.asked = 0
        self.incumbent = Incumbent()

    def ask(self) -> Draw:
        """A random architecture until the population is full, then a child of a tournament's winner.

        Where no mutation of the winner obeys the space's rules, another random architecture.

        Raises:
            ExhaustedError: there is no other.
        """
        self.asked += 1
        if self.asked <= self.size or not self.population:
            return Draw(random_arch(self.space, self.rng))
        contenders = [self.rng.choice(self.population) for _ in range(self.sample)]
        parent, _ = max(contenders, key=lambda member: member[1])
        try:
            return Draw(self.change(self.space, parent, self.rng))
        except ExhaustedError:
            return Draw(unseen(self.space, self.rng, {parent}))

    def tell(self, draw: Draw, score: Score) -> None:
        """The newcomer joins, the oldest dies."""
        value = float(score.value)
        self.incumbent.update(draw.arch, value)
        self.population.append((draw.arch, value if value == value else float("-inf")))
        if len(self.population) > self.size:
            self.population.pop(0)

    def best(self) -> Arch:
        """The best ever seen, alive or not."""
        return self.incumbent.get()

    def state_dict(self) -> dict[str, Any]:
        """Generator, population and incumbent."""
        return {
            "rng": rng_state(self.rng),
            "population": [list(member) for member in self.population],
            "asked": self.asked,
            "incumbent": self.incumbent.state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        set_rng(self.rng, state["rng"])
        self.population = [(tuple(arch), float(value)) for arch, value in state["population"]]
        self.asked = state["asked"]
        self.incumbent.load(state["incumbent"])
