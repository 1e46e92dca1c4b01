"""Search strategies: propose architectures or gates, and learn from their scores. None of them sees data.

A strategy is asked for a draw and told its score. `ask` may be called several times before the first `tell`;
scores are told in the order asked, so a result never depends on which evaluation was faster.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from appnas import policy
from appnas.controller import Controller
from appnas.encode import one_hot
from appnas.relax import Relax, softmax
from appnas.space import Arch, Gates, Space, mutate, random_arch
from appnas.supernet import relaxed


class Draw(NamedTuple):
    """A proposal.

    Attributes:
        arch: the architecture, for a soft draw the one that its gates point to.
        gates: soft or one-hot gates; None stands for the one-hot gates of `arch`.
        logp: log-probability of what a policy sampled, a number without a graph.
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
        metrics: named numbers, units in the names.
    """

    value: Tensor
    metrics: Mapping[str, float] = {}


@runtime_checkable
class Strategy(Protocol):
    """Ask and tell."""

    def ask(self) -> Draw:
        """Propose."""

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


def _rng_state(rng: random.Random) -> list[Any]:
    version, internal, gauss = rng.getstate()
    return [version, list(internal), gauss]


def _set_rng(rng: random.Random, state: list[Any]) -> None:
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
        return {"rng": _rng_state(self.rng), "incumbent": self.incumbent.state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        _set_rng(self.rng, state["rng"])
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
        """A random architecture until the population is full, then a child of a tournament's winner."""
        self.asked += 1
        if self.asked <= self.size or not self.population:
            return Draw(random_arch(self.space, self.rng))
        contenders = [self.rng.choice(self.population) for _ in range(self.sample)]
        parent, _ = max(contenders, key=lambda member: member[1])
        return Draw(self.change(self.space, parent, self.rng))

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
            "rng": _rng_state(self.rng),
            "population": [list(member) for member in self.population],
            "asked": self.asked,
            "incumbent": self.incumbent.state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        _set_rng(self.rng, state["rng"])
        self.population = [(tuple(arch), float(value)) for arch, value in state["population"]]
        self.asked = state["asked"]
        self.incumbent.load(state["incumbent"])


class Gradient:
    """Gradient ascent on the logits of soft gates, as DARTS does (Liu et al., arXiv 1806.09055).

    Needs an evaluator whose value is attached to the gates.

    Args:
        space: what to search.
        generator: source of the initial logits and of noise in the relaxation.
        relax: logits -> gates.
        lr, betas, weight_decay: of Adam on the logits.
        scale: standard deviation of the initial logits.
    """

    def __init__(
        self,
        space: Space,
        generator: torch.Generator,
        relax: Relax = softmax,
        lr: float = 3e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        weight_decay: float = 1e-3,
        scale: float = 1e-3,
    ):
        self.space, self.generator, self.relax = space, generator, relax
        self.alpha = [
            (scale * torch.randn(choice.count, len(choice.options), generator=generator)).requires_grad_()
            for choice in space.choices
        ]
        self.optimiser = torch.optim.Adam(self.alpha, lr=lr, betas=betas, weight_decay=weight_decay)

    def _draw(self) -> Draw:
        gates = relaxed(self.alpha, self.relax, self.space.mask)
        return Draw(self.space.discretise(tuple(matrix.detach() for matrix in gates)), gates)

    def ask(self) -> Draw:
        """Gates attached to the logits."""
        return self._draw()

    def tell(self, draw: Draw, score: Score) -> Draw:
        """One Adam step up the value; the weights learn on the gates after it.

        Raises:
            ValueError: the value is not attached to the gates.
        """
        if not score.value.requires_grad:
            raise ValueError(
                "the value carries no gradient: a gradient strategy needs a differentiable evaluator such as Shared"
            )
        gradients = torch.autograd.grad(-score.value, self.alpha, materialize_grads=True)
        for logits, gradient in zip(self.alpha, gradients, strict=True):
            logits.grad = gradient
        self.optimiser.step()
        return self._draw()

    def best(self) -> Arch:
        """What the logits point to."""
        return self.space.discretise(self.distribution())

    @torch.no_grad()
    def distribution(self) -> Gates:
        """Softmax of the logits, without noise."""
        return relaxed(self.alpha, softmax, self.space.mask)

    def state_dict(self) -> dict[str, Any]:
        """Logits, optimiser and generator."""
        return {
            "alpha": [logits.detach().clone() for logits in self.alpha],
            "optimiser": self.optimiser.state_dict(),
            "rng": self.generator.get_state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        with torch.no_grad():
            for logits, saved in zip(self.alpha, state["alpha"], strict=True):
                logits.copy_(saved)
        self.optimiser.load_state_dict(state["optimiser"])
        self.generator.set_state(state["rng"])


class PolicyGradient:
    """A controller rewarded by the value of what it samples (Zoph and Le, arXiv 1611.01578).

    Args:
        space: what to search. A sample that breaks its rules is discretised: the options sampled come first,
            the more probable ones before the others (of too many edges into a node the surest stay).
        controller: the policy.
        generator: source of samples.
        lr: of Adam on the controller.
        momentum: of the moving-average baseline.
        entropy: weight of the entropy bonus.
        batch: scores gathered for one update.
        clip: if above 0, PPO with this clip and `epochs` passes over a batch; else one REINFORCE step.
        epochs: passes of PPO.
        pick: "seen" gives the best architecture told, "mode" the most probable one.
    """

    def __init__(
        self,
        space: Space,
        controller: Controller,
        generator: torch.Generator,
        lr: float = 1e-3,
        momentum: float = 0.9,
        entropy: float = 0.0,
        batch: int = 1,
        clip: float = 0.0,
        epochs: int = 4,
        pick: str = "seen",
    ):
        if pick not in ("seen", "mode"):
            raise ValueError(f"pick is 'seen' or 'mode', got {pick!r}")
        self.space, self.controller, self.generator = space, controller, generator
        self.momentum, self.entropy, self.batch, self.clip, self.epochs = (
            momentum,
            entropy,
            batch,
            clip,
            epochs,
        )
        self.pick = pick
        self.optimiser = torch.optim.Adam(controller.parameters(), lr=lr)  # type: ignore[attr-defined]
        self.baseline: float | None = None
        self.waiting: list[tuple[Arch, float, float]] = []
        self.incumbent = Incumbent()

    def ask(self) -> Draw:
        """An architecture sampled from the policy."""
        sampled = self.controller.sample(1, self.generator)
        with torch.no_grad():
            logp = self.controller.evaluate(sampled)[0][0]
        arch = action = tuple(sampled[0].tolist())
        if not self.space.valid(arch):
            chosen = one_hot(self.space.choices, action)
            arch = self.space.discretise(tuple(c + p for c, p in zip(chosen, self.distribution(), strict=True)))
        return Draw(arch, logp=logp, action=action)

    def tell(self, draw: Draw, score: Score) -> None:
        """Gather a batch, then update the policy."""
        value = float(score.value)
        self.incumbent.update(draw.arch, value)
        self.waiting.append((draw.action or draw.arch, value, 0.0 if draw.logp is None else float(draw.logp)))
        if len(self.waiting) >= self.batch:
            self._update()
            self.waiting = []

    def _update(self) -> None:
        archs = torch.tensor([arch for arch, _, _ in self.waiting])
        values = torch.tensor([value for _, value, _ in self.waiting])
        old = torch.tensor([logp for _, _, logp in self.waiting])
        self.baseline = policy.moving_average(self.baseline, float(values.mean()), self.momentum)
        for _ in range(self.epochs if self.clip else 1):
            logp, entropy = self.controller.evaluate(archs)
            if self.clip:
                loss = policy.ppo_clip(logp, old, values - self.baseline, entropy, self.clip, self.entropy)
            else:
                loss = policy.reinforce(logp, values, self.baseline, entropy, self.entropy)
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()

    def best(self) -> Arch:
        """The best seen, or the most probable."""
        return self.incumbent.get() if self.pick == "seen" else self.space.discretise(self.distribution())

    def distribution(self) -> Gates:
        """Probability of every option under the policy."""
        return self.controller.marginals()

    def state_dict(self) -> dict[str, Any]:
        """Controller, optimiser, baseline, waiting scores, generator and incumbent."""
        return {
            "controller": self.controller.state_dict(),  # type: ignore[attr-defined]
            "optimiser": self.optimiser.state_dict(),
            "baseline": self.baseline,
            "waiting": [list(item) for item in self.waiting],
            "rng": self.generator.get_state(),
            "incumbent": self.incumbent.state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.controller.load_state_dict(state["controller"])  # type: ignore[attr-defined]
        self.optimiser.load_state_dict(state["optimiser"])
        self.baseline = state["baseline"]
        self.waiting = [(tuple(arch), value, logp) for arch, value, logp in state["waiting"]]
        self.generator.set_state(state["rng"])
        self.incumbent.load(state["incumbent"])
