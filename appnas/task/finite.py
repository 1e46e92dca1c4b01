"""Losses and weights that must be finite, looked at without waiting for an accelerator at every step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from appnas.compute import CPU, fetched

FETCH = 50
"""Steps on an accelerator after which their losses are fetched and looked at; on a CPU they are after every one."""


class DivergedError(RuntimeError):
    """A loss became NaN or infinite."""


def finite(loss: Tensor, where: str) -> Tensor:
    """The loss itself.

    Raises:
        DivergedError: it is NaN or infinite.
    """
    if not torch.isfinite(loss):
        raise DivergedError(
            f"the loss is {float(loss.detach())} at {where}; a lower learning rate or clipping may help"
        )
    return loss


class Watch:
    """Losses that must be finite; those on an accelerator are looked at `FETCH` together, or with what is fetched."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Tensor, str]] = []

    def __call__(self, loss: Tensor, where: str) -> Tensor:
        """The loss itself.

        Raises:
            DivergedError: it is NaN or infinite, or on an accelerator one that waited is.
        """
        if loss.device == CPU:
            return finite(loss, where)
        self.waiting.append((loss.detach(), where))
        if len(self.waiting) == FETCH:
            self.values()
        return loss

    def values(self, *losses: tuple[Tensor, str]) -> list[Tensor]:
        """Losses on the CPU, attached to where they came from, with all that waited in one transfer.

        Args:
            losses: and where each is of.

        Raises:
            DivergedError: one of them, or one that waited, is NaN or infinite.
        """
        waiting, self.waiting = self.waiting, []
        found = fetched([*(loss for loss, _ in waiting), *(loss for loss, _ in losses)])
        for loss, (_, where) in zip(found, [*waiting, *losses], strict=True):
            finite(loss.detach(), where)
        return found[len(waiting) :]


def check_weights(model: nn.Module, after: str) -> None:
    """Check all weights of a network in one go.

    Raises:
        DivergedError: one holds NaN or infinity.
    """
    weights = dict(model.named_parameters())
    sound = torch.stack([torch.isfinite(weight).all() for weight in weights.values()]).tolist() if weights else []
    for name, fine in zip(weights, sound, strict=True):
        if not fine:
            raise DivergedError(f"{name} holds NaN or infinity after {after}; a lower learning rate may help")
