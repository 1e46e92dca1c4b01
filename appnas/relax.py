"""From logits to gates: pure functions over the last axis.

A relaxation takes logits alpha [..., K] and returns multipliers of the same shape. Options that a mask excludes
come as -inf and leave as exactly 0, without a gradient. `tau` is a temperature everywhere: it divides.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Relax = Callable[[Tensor], Tensor]


def softmax(alpha: Tensor, tau: float = 1.0) -> Tensor:
    """Mixture weights of DARTS, softmax of alpha / tau (Liu, Simonyan and Yang, arXiv 1806.09055, eq. 2).

    Shapes:
        alpha, returns: [..., K].
    """
    return torch.softmax(alpha / tau, dim=-1)


def gumbel_noise(alpha: Tensor, generator: torch.Generator) -> Tensor:
    """Standard Gumbel noise -log(-log u) in the shape and type of alpha."""
    uniform = torch.rand(alpha.shape, generator=generator, dtype=alpha.dtype)
    tiny = torch.finfo(alpha.dtype).tiny
    return -torch.log(-torch.log(uniform.clamp(tiny, 1 - torch.finfo(alpha.dtype).eps)))


def gumbel(alpha: Tensor, generator: torch.Generator, tau: float = 1.0) -> Tensor:
    """softmax((alpha + g) / tau) with Gumbel noise g (Jang, Gu and Poole, arXiv 1611.01144, eq. 2).

    Shapes:
        alpha, returns: [..., K].
    """
    return softmax(alpha + gumbel_noise(alpha, generator), tau)


def straight_through(soft: Tensor) -> Tensor:
    """One-hot of the largest entry forward, the gradient of the soft gates backward.

    Shapes:
        soft, returns: [..., K].
    """
    hard = torch.zeros_like(soft).scatter_(-1, soft.argmax(-1, keepdim=True), 1.0)
    return hard + (soft - soft.detach())
