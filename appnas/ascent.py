"""Strategies that follow a gradient: of the value itself (soft gates), or of a policy's expected value."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from appnas import policy
from appnas.controller import Controller
from appnas.encode import one_hot
from appnas.relax import Relax, softmax
from appnas.space import ZERO, Arch, Gates, Space, without
from appnas.strategy import Draw, Incumbent, Score
from appnas.supernet import relaxed


def without_zero(space: Space, gates: Gates) -> Arch:
    """The space's rule, with `none` below every other option but above those that a mask excludes."""
    kept = without(space.choices, ZERO)
    return space.discretise(tuple(g.masked_fill(~m, -0.5) for g, m in zip(gates, kept, strict=True)))


class Gradient:
    """Gradient ascent on the logits of soft gates, as DARTS does (Liu et al., arXiv 1806.09055).

    Needs an evaluator whose value is attached to the gates.

    Args:
        space: what to search.
        generator: source of the initial logits and of noise in the relaxation.
        relax: logits -> gates.
        lr, betas, weight_decay: of Adam on the logits.
        scale: standard deviation of the initial logits.
        derive: gates -> architecture, if not by the space's own rule.
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
        derive: Callable[[Gates], Arch] | None = None,
    ):
        self.space, self.generator, self.relax = space, generator, relax
        self.derive = derive or space.discretise
        self.alpha = [
            (scale * torch.randn(choice.count, len(choice.options), generator=generator)).requires_grad_()
            for choice in space.choices
        ]
        self.optimiser = torch.optim.Adam(self.alpha, lr=lr, betas=betas, weight_decay=weight_decay)

    def _draw(self) -> Draw:
        gates = relaxed(self.alpha, self.relax, self.space.mask)
        return Draw(self.derive(tuple(matrix.detach() for matrix in gates)), gates)

    def ask(self) -> Draw:
        """Gates attached to the logits."""
        return self._draw()

    def climb(self, value: Tensor) -> None:
        """One Adam step up the value.

        Raises:
            ValueError: the value is not attached to the gates, or not finite; the logits stay as they were.
        """
        if not torch.isfinite(value):
            raise ValueError(f"the value is {float(value.detach())}: a step along its gradient would ruin the logits")
        if not value.requires_grad:
            raise ValueError(
                "the value carries no gradient: a gradient strategy needs a differentiable evaluator such as Shared"
            )
        gradients = torch.autograd.grad(-value, self.alpha, materialize_grads=True)
        for logits, gradient in zip(self.alpha, gradients, strict=True):
            logits.grad = gradient
        self.optimiser.step()

    def tell(self, draw: Draw, score: Score) -> Draw | None:
        """One Adam step up the value; the weights learn on the gates after it."""
        self.climb(score.value)
        return self._draw()

    def best(self) -> Arch:
        """What the logits point to."""
        return self.derive(self.distribution())

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
        """Gather a batch, then update the policy. A value that is not finite says nothing and is passed over."""
        value = float(score.value)
        self.incumbent.update(draw.arch, value)
        if not math.isfinite(value):
            return
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
