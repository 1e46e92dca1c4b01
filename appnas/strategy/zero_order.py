"""Zero-order search: steps of the logits from values alone, never through the weights.

An estimator proposes displacements u of the logits and makes a step of what they were worth, l(u) = minus the value
at alpha + u. Pure functions of tensors; `ZeroOrder` is the strategy that asks for them and tells.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from appnas.space import Arch, Gates, Space, full_mask
from appnas.strategy.protocol import Draw, Score
from appnas.supernet import Relax, relaxed, softmax
from appnas.support import Saved


class Move(NamedTuple):
    """A step of the logits, and how many displacements it rests on: 1 to all of them."""

    step: Tensor
    effective: float


class StepEstimator(Protocol):
    """Proposes displacements and makes a step of their losses. A candidate that is not finite has the loss inf."""

    @property
    def count(self) -> int:
        """Candidates a step."""

    @property
    def guided(self) -> bool:
        """Whether it wants the gradient of the value at the centre, without any weight step, first."""

    def propose(self, slope: Tensor, scale: float, generator: torch.Generator) -> Tensor:
        """Displacements. Shapes: slope [d], of the loss at the centre, 0 if not guided; returns [count, d]."""

    def move(self, tried: Tensor, losses: Tensor, slope: Tensor, scale: float) -> Move:
        """The step. Shapes: tried [count, d]; losses [count]; slope [d]; the step is [d]."""


def sphere(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Points drawn uniformly from the unit sphere. Shapes: returns [count, size]."""
    points = torch.randn(count, size, generator=generator)
    return torch.nn.functional.normalize(points)


@dataclass(frozen=True)
class RandomDirections:
    """RS: -rate d / (2 mu n) sum_i [l(mu u_i) - l(-mu u_i)] u_i, u_i uniform on the sphere, d logits.

    Wang et al., arXiv 2110.04743, section 3, in the antithetic form of its code: an unbiased estimate of the gradient
    of the loss smoothed over a ball of radius mu.
    """

    pairs: int = 8
    mu: float = 0.1
    rate: float = 1e-4
    guided = False

    @property
    def count(self) -> int:
        """Both ends of every pair."""
        return 2 * self.pairs

    def propose(self, slope: Tensor, scale: float, generator: torch.Generator) -> Tensor:
        """Displacements mu u, then -mu u."""
        u = self.mu * scale * sphere(self.pairs, len(slope), generator)
        return torch.cat([u, -u])

    def move(self, tried: Tensor, losses: Tensor, slope: Tensor, scale: float) -> Move:
        """A step down the smoothed slope; pairs with an end that is not finite say nothing."""
        plus, minus = losses.chunk(2)
        sound = torch.isfinite(plus) & torch.isfinite(minus)
        mu, gap = self.mu * scale, torch.where(sound, plus - minus, 0.0)
        u = tried[: self.pairs].double() / mu
        return Move(-self.rate * len(slope) / (2 * mu * self.pairs) * gap @ u, float(sound.sum()))


Correction = Literal["none", "full", "clipped"]


@dataclass(frozen=True)
class MLEGuided:
    """MGS: the mean of u under p(u) = exp(-[L(a + u) - L(a)] / tau) / Z, by self-normalised importance sampling.

        c_i = exp(-l(u_i) / tau) / q(u_i),  step = sum_i c_i u_i / sum_i c_i
        q = (1 - lambda) N(-slope, s^2) + lambda N(0, s^2)

    Wang et al., arXiv 2110.04743; Welleck and Cho, arXiv 2006.03158. L(a) cancels. `correction` is what becomes of
    1 / q: "none" leaves it out, "full" keeps it, "clipped" caps it at sqrt(n) times its mean (truncated importance
    sampling, Ionides 2008). In many dimensions "full" lets a single sample decide.
    """

    count: int = 4
    radius: float = 0.025
    temperature: float = 0.01
    mixture: float = 1e-3
    correction: Correction = "none"

    @property
    def guided(self) -> bool:
        """Unless every proposal is centred on 0."""
        return self.mixture < 1

    def propose(self, slope: Tensor, scale: float, generator: torch.Generator) -> Tensor:
        """From both parts in the proportion of their weights, up to one displacement, which is drawn."""
        around_zero = math.floor(self.mixture * self.count + float(torch.rand((), generator=generator)))
        free = torch.arange(self.count)[:, None] < around_zero
        noise = torch.randn(self.count, len(slope), generator=generator)
        return torch.where(free, 0.0, -slope) + self.radius * scale * noise

    def log_proposal(self, tried: Tensor, slope: Tensor, scale: float) -> Tensor:
        """Log q(u), up to a constant. Shapes: tried [n, d]; returns [n]."""
        spread = 2 * (self.radius * scale) ** 2
        parts = [(-slope, 1 - self.mixture), (torch.zeros_like(slope), self.mixture)]
        logs = [math.log(w) - (tried - centre).square().sum(1) / spread for centre, w in parts if w > 0]
        return torch.logsumexp(torch.stack(logs), 0)

    def move(self, tried: Tensor, losses: Tensor, slope: Tensor, scale: float) -> Move:
        """The weighted mean of the displacements, and its effective sample size 1 / sum c^2."""
        logs = -losses / self.temperature
        if self.correction != "none":
            inverse = -self.log_proposal(tried.double(), slope.double(), scale)
            if self.correction == "clipped":  # min(x, sqrt(n) mean x) = min(x, sum x / sqrt(n)), in logarithms
                inverse = inverse.clamp(max=torch.logsumexp(inverse, 0) - 0.5 * math.log(len(inverse)))
            logs = logs + inverse
        if not torch.isfinite(losses).any():
            return Move(torch.zeros_like(slope), 0.0)
        weights = torch.softmax(logs, 0)
        return Move(weights.to(tried.dtype) @ tried, float(1 / weights.square().sum()))


@dataclass(frozen=True)
class Descent:
    """GLD: the best of the centre and one point in each of the balls of radius R 2^-k, k = 0 to n - 1.

    Golovin et al., arXiv 1911.06317, algorithm 1, with the radii of the code of arXiv 2110.04743. Comparisons alone:
    no gradient, no scale, and never a step up.
    """

    radii: int = 15
    largest: float = 0.13
    guided = False

    @property
    def count(self) -> int:
        """The centre, and a point for every radius."""
        return 1 + self.radii

    def propose(self, slope: Tensor, scale: float, generator: torch.Generator) -> Tensor:
        """The centre first: it wins a tie."""
        inside = torch.rand(self.radii, 1, generator=generator) ** (1 / len(slope))
        radii = self.largest * scale * 0.5 ** torch.arange(self.radii)[:, None]
        return torch.cat([torch.zeros(1, len(slope)), radii * inside * sphere(self.radii, len(slope), generator)])

    def move(self, tried: Tensor, losses: Tensor, slope: Tensor, scale: float) -> Move:
        """To the best."""
        return Move(tried[losses.argmin()], 1.0)


class ZeroOrder(Saved):
    """Follow an estimator that sees values only (ZARTS, Wang et al., arXiv 2110.04743).

    Needs an evaluator that judges the `length` draws of a round alike, such as `appnas.one_shot.Adapted`. A draw is
    answered by the gates after the step if it was the last of its round.

    Args:
        space: what to search. Options that a mask excludes are no dimension of alpha.
        generator: source of the initial logits and of displacements.
        estimator: what to try, and the step made of it.
        scale: round -> factor of the estimator's radius.
        warmup: so many draws at first are the centre, and their values are not looked at.
        relax: logits -> gates.
        deviation: standard deviation of the initial logits.
        derive: gates -> architecture, if not by the space's own rule.
    """

    saved = (
        "alpha", "slope", "plan", "place", "rounds", "warmup", "tried", "losses", "effective", "generator",
    )  # fmt: skip

    def __init__(
        self,
        space: Space,
        generator: torch.Generator,
        estimator: StepEstimator,
        scale: Callable[[int], float] = lambda round: 1.0,
        warmup: int = 0,
        relax: Relax = softmax,
        deviation: float = 1e-3,
        derive: Callable[[Gates], Arch] | None = None,
    ):
        self.space, self.generator, self.estimator, self.scale = space, generator, estimator, scale
        self.warmup, self.relax, self.derive = warmup, relax, derive or space.discretise
        self.open = torch.cat([matrix.flatten() for matrix in space.mask or full_mask(space.choices)])
        self.alpha = deviation * torch.randn(int(self.open.sum()), generator=generator)
        self.slope = torch.zeros_like(self.alpha)
        self.plan = torch.zeros(0, len(self.alpha))
        self.place = self.rounds = 0
        self.waiting: deque[Tensor | None] = deque()
        self.tried: list[Tensor] = []
        self.losses: list[float] = []
        self.effective: list[float] = []

    @property
    def length(self) -> int:
        """Draws in a round: the candidates, and before them the centre if its slope is wanted."""
        return self.estimator.count + self.estimator.guided

    def _gates(self, alpha: Tensor, relax: Relax | None = None) -> Gates:
        flat = alpha.new_zeros(len(self.open)).masked_scatter(self.open, alpha)
        sizes = [choice.count * len(choice.options) for choice in self.space.choices]
        parts = zip(torch.split(flat, sizes), self.space.choices, strict=True)
        return relaxed([part.view(c.count, -1) for part, c in parts], relax or self.relax, self.space.mask)

    def _draw(self, alpha: Tensor) -> Draw:
        gates = self._gates(alpha)
        return Draw(self.derive(tuple(matrix.detach() for matrix in gates)), gates)

    def ask(self) -> Draw:
        """The next candidate of the round; the centre while warming up, or where the slope is wanted."""
        if self.warmup:
            self.warmup -= 1
            self.waiting.append(None)
            return self._draw(self.alpha)
        i = self.place - self.estimator.guided
        self.place = (self.place + 1) % self.length
        if i < 0:
            centre = self.alpha.clone().requires_grad_()
            self.waiting.append(centre)
            return self._draw(centre)
        if i == 0:
            self.plan = self.estimator.propose(self.slope, self.scale(self.rounds), self.generator)
        self.waiting.append(self.plan[i])
        return self._draw(self.alpha + self.plan[i])

    def tell(self, draw: Draw, score: Score) -> Draw | None:
        """Take a step after the last candidate of a round. A value that is not finite never wins.

        Raises:
            ValueError: the slope is wanted, but the value is not finite or carries no gradient.
        """
        told = self.waiting.popleft()
        if told is None:
            return None
        if told.requires_grad:
            if not (score.value.requires_grad and torch.isfinite(score.value)):
                raise ValueError(
                    f"a guided proposal needs a finite value attached to the gates, got {float(score.value.detach())}"
                )
            self.slope = torch.autograd.grad(-score.value, told)[0].detach()
            return None
        value = float(score.value)
        self.tried.append(told)
        self.losses.append(-value if math.isfinite(value) else math.inf)
        if len(self.losses) < self.estimator.count:
            return None
        losses = torch.tensor(self.losses, dtype=torch.float64)
        step, effective = self.estimator.move(torch.stack(self.tried), losses, self.slope, self.scale(self.rounds))
        self.alpha = self.alpha + step.to(self.alpha.dtype)
        self.effective.append(effective)
        self.tried, self.losses, self.rounds = [], [], self.rounds + 1
        return self._draw(self.alpha)

    def best(self) -> Arch:
        """What the logits point to."""
        return self.derive(self.distribution())

    def distribution(self) -> Gates:
        """Softmax of the logits."""
        return self._gates(self.alpha, softmax)

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on. Draws that were asked and not told are asked again."""
        state = super().state_dict()
        state["warmup"] += sum(told is None for told in self.waiting)
        state["place"] = (self.place - sum(told is not None for told in self.waiting)) % self.length
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        self.waiting.clear()
