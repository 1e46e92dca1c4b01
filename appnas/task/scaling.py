"""Losses scaled up for float16, in which small gradients would vanish, so that nobody else has to know.

Every tensor that is differentiated enters through `Scaling.enter`, the loss leaves through `Scaling.leave`: between the
two, gradients are larger by a factor; outside they are what they would be (first derivatives, that is). The factor is
halved when a gradient overflows, and doubled after 2000 steps without that (Micikevicius et al., arXiv 1710.03740,
section 3.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from appnas.compute import remembering
from appnas.space import Gates
from appnas.task.finite import DivergedError

START, PATIENCE, TRIES = 2.0**16, 2000, 40


class _Times(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scaling: Scaling, power: int) -> Tensor:
        """The value as it is."""
        ctx.scaling, ctx.power = scaling, power
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """The gradient, larger or smaller by the factor of now."""
        return gradients[0] * ctx.scaling.factor**ctx.power, None, None


class Scaling:
    """The factor, and what it is for. Its state is two numbers.

    Args:
        on: else everything is handed on as it is.
    """

    def __init__(self, on: bool):
        self.on, self.factor, self.good = on, START, 0

    def enter(self, x: Tensor) -> Tensor:
        """The same tensor, whose gradient is made smaller by the factor."""
        if not (self.on and x.requires_grad and torch.is_grad_enabled()):
            return x
        return remembering(_Times.apply(x, self, -1), x)  # type: ignore[no-untyped-call]

    def leave(self, loss: Tensor) -> Tensor:
        """The same loss, whose gradient is made larger by the factor."""
        attached = self.on and loss.requires_grad
        return _Times.apply(loss, self, 1) if attached else loss  # type: ignore[no-untyped-call]

    def sound(self, gradients: Iterable[Tensor | None]) -> bool:
        """Whether a step may be taken on these gradients, which changes the factor; always if off."""
        if not self.on:
            return True
        if not _finite([g for g in gradients if g is not None]):
            self.factor, self.good = self.factor / 2, 0
            return False
        self.good += 1
        if self.good == PATIENCE:
            self.factor, self.good = self.factor * 2, 0
        return True

    def settled(self, make: Callable[[Gates], Tensor], gates: Gates) -> tuple[Tensor, dict[str, float]]:
        """A loss whose gradient is known to be finite, and what to tell of it.

        The gradient of the gates is computed at once, with half the factor again as long as it overflows: who
        differentiates what is returned finds it there.

        Args:
            make: gates -> loss [], the same loss each time.
            gates: attached to whatever the caller differentiates.

        Raises:
            DivergedError: the gradient is not finite with a factor of 1 either.
        """
        for again in range(TRIES):
            leaves = tuple(remembering(gate.detach().requires_grad_(), gate) for gate in gates)
            loss = make(leaves)
            if not loss.requires_grad:  # a sample of options without an operation
                return loss, {"rescaled": float(again)}
            slopes = torch.autograd.grad(loss, leaves, materialize_grads=True)
            told = {"rescaled": float(again)}
            if not torch.isfinite(loss):  # that is another fault, and whoever takes the loss looks for it
                return loss.detach(), told
            if self.sound(slopes):
                known = sum(((g - g.detach()) * s).sum() for g, s in zip(gates, slopes, strict=True))
                return loss.detach() + known, told
            if self.factor < 1:
                break
        self.factor = START
        raise DivergedError("the gradient of the gates is not finite, however the loss is scaled")

    def state_dict(self) -> dict[str, float]:
        """The factor, and the number of good steps since it changed."""
        return {"factor": self.factor, "good": self.good}

    def load_state_dict(self, state: dict[str, float]) -> None:
        """Go on from a state."""
        self.factor, self.good = float(state["factor"]), int(state["good"])


def _finite(tensors: Sequence[Tensor]) -> bool:
    return not tensors or bool(torch.stack([torch.isfinite(x).all() for x in tensors]).all())
