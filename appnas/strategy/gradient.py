"""Gradient ascent of the value itself, on the logits of soft gates, or of sampled ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from appnas.space import ZERO, Arch, Gates, Space, filled, without
from appnas.strategy.protocol import Draw, Score
from appnas.supernet import Relax, gumbel_paths, relaxed, softmax
from appnas.support import Saved


def without_zero(space: Space, gates: Gates) -> Arch:
    """The space's rule, with `none` below every other option but above those that a mask excludes."""
    kept = without(space.choices, ZERO)
    return space.discretise(filled(gates, kept, -0.5))


class Gradient(Saved):
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

    saved: tuple[str, ...] = ("alpha", "optimiser", "generator")

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


class OnPaths(Gradient):
    """The same on gates that run a sample of the options, drawn anew for every step (`appnas.supernet.gumbel_paths`).

    GDAS's gradient (Dong and Yang, arXiv 1910.04465), of the options that ran. A step of logits or weights costs about
    as much as one of a single architecture.

    Args:
        space, generator: as for `Gradient`; the generator is the samples' too.
        tau: told draws -> temperature of the gradient.
        paths: samples at once, whose mean is run.
        more: of `Gradient`.
    """

    saved: tuple[str, ...] = (*Gradient.saved, "told")

    def __init__(
        self,
        space: Space,
        generator: torch.Generator,
        tau: Callable[[int], float] = lambda told: 1.0,
        paths: int = 1,
        **more: Any,
    ):
        super().__init__(space, generator, self._sampled, **more)
        self.tau, self.paths, self.told = tau, paths, 0

    def _sampled(self, alpha: Tensor) -> Tensor:
        return gumbel_paths(alpha, self.generator, self.tau(self.told), self.paths)

    def tell(self, draw: Draw, score: Score) -> Draw | None:
        """One Adam step up the value; the weights learn on another sample.

        A value that depends on no gate, since options without an operation were drawn, is as good as its neighbours:
        the step has a gradient of 0.
        """
        self.told += 1
        if not score.value.requires_grad and self._blocked(draw):
            still = sum(((logits - logits.detach()).sum() for logits in self.alpha), torch.zeros(()))
            score = score._replace(value=score.value + still * 0)
        return super().tell(draw, score)

    def _blocked(self, draw: Draw) -> bool:
        """Whether an option without an operation is in the sample."""
        pairs = zip(self.space.choices, draw.gates or (), strict=True)
        zeros = ((matrix, [k for k, option in enumerate(c.options) if option in ZERO]) for c, matrix in pairs)
        return any(bool(matrix.detach()[..., k].any()) for matrix, k in zeros)
