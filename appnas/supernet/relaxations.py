"""From logits to gates: pure functions over the last axis.

A relaxation takes logits alpha [..., K] and returns multipliers of the same shape. Options that a mask excludes
come as -inf and leave as exactly 0, without a gradient. `tau` is a temperature everywhere: it divides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from appnas.compute import CPU, moved

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
    return -torch.log(-torch.log(uniform.clamp(tiny, 1 - torch.finfo(alpha.dtype).eps))).to(alpha.device)


def gumbel(alpha: Tensor, generator: torch.Generator, tau: float = 1.0) -> Tensor:
    """softmax((alpha + g) / tau) with Gumbel noise g (Jang, Gu and Poole, arXiv 1611.01144, eq. 2).

    Shapes:
        alpha, returns: [..., K].
    """
    return softmax(alpha + gumbel_noise(alpha, generator), tau)


class Sample(NamedTuple):
    """Samples of categorical decisions and their relaxations.

    Attributes:
        hard: one-hot, without a gradient.
        soft: softmax((log q + g) / tau) with the Gumbel noise g whose largest entry is the one of `hard`.
        coupled: the same values, drawn from r(soft | hard): its gradient is that of the noise given `hard`.
        logp: log-probability of `hard`, a sum over the decisions.

    Shapes:
        hard, soft, coupled: [n, count, K]. logp: [n].
    """

    hard: Tensor
    soft: Tensor
    coupled: Tensor
    logp: Tensor


def gumbel_sample(alpha: Tensor, n: int, generator: torch.Generator, tau: float = 1.0) -> Sample:
    """Categorical samples by the Gumbel trick, with the relaxations that REBAR and UNAS need.

    With E_k = -log u_k, the winner is k* = argmin E_k / q_k. Given the winner, E_k = V_k + q_k M with M = E_k* / q_k*
    and V_k >= 0 (0 for the winner) that do not depend on q: the conditional noise of Tucker et al. (arXiv 1703.07370,
    appendix C) and of UNAS (Vahdat et al., arXiv 1912.07651).

    Shapes:
        alpha: [count, K], -inf for what a mask excludes.
    """
    allowed = torch.isfinite(alpha)
    logq = torch.log_softmax(alpha, -1)
    logq = torch.where(allowed, logq, torch.zeros_like(logq))
    q = logq.exp()
    noise = torch.empty(n, *alpha.shape, dtype=alpha.dtype).exponential_(generator=generator)
    noise = noise.clamp_min(torch.finfo(alpha.dtype).tiny).to(alpha.device)
    perturbed = (logq - noise.log()).masked_fill(~allowed, float("-inf"))
    winner = perturbed.argmax(-1, keepdim=True)
    hard = torch.zeros_like(noise).scatter_(-1, winner, 1.0)
    with torch.no_grad():
        least = (noise / q).gather(-1, winner)
        rest = (noise - q * least).clamp_min(0.0).scatter_(-1, winner, 0.0)
    again = -(rest / q + least).log().masked_fill(~allowed, float("inf"))
    return Sample(hard, softmax(perturbed, tau), softmax(again, tau), (hard * logq).sum((-2, -1)))


def straight_through(soft: Tensor) -> Tensor:
    """One-hot of the largest entry forward, the gradient of the soft gates backward.

    Shapes:
        soft, returns: [..., K].
    """
    hard = torch.zeros_like(soft).scatter_(-1, soft.argmax(-1, keepdim=True), 1.0)
    return hard + (soft - soft.detach())


def marked(gates: Tensor) -> Tensor:
    """The same gates, known as sampled: what is exactly 0 there has no gradient, so supernets do not run it.

    The mark is the attribute `sampled`; `appnas.compute` hands it on where gates are moved, copied or made of others.
    Where it is lost, all options run, and every gradient is the same. Gates on a device remember their values on the
    CPU, as `appnas.compute.gates_on` has it. Nothing is marked while a network is being compiled.
    """
    if not torch.compiler.is_compiling():
        gates.sampled = True  # type: ignore[attr-defined]
        if not gates.is_cpu and not gates.is_meta:
            gates.host = moved(gates.detach(), CPU)  # type: ignore[attr-defined]
    return gates


def sampled_paths(soft: Tensor, paths: Tensor | None = None) -> Tensor:
    """Paths in place of mixtures: the largest entry of every row forward, the soft gates' gradient backward there.

    With one path a row, g = h + h (s - stopgrad(s)) for soft gates s and their one-hot h: GDAS's gate (Dong and Yang,
    arXiv 1910.04465) wherever an option runs. With n the gates are the mean over n such samples, of which two may
    agree, so that at most n options of a row run. Marked, see `marked`.

    Deviates: what did not run gives no gradient, dL/dg = 0 at exact zeros, where the straight-through estimate has
    <dL/dy, o(x)> with the output of an option that was not computed (the authors' code has the sum of dL/dy in its
    place). Logits of all options move by the slope of the softmax at those that ran. Where a row drew nothing but an
    option without an operation, such as `zero`, its logits get no gradient.

    Shapes:
        soft: [n, ..., K]. paths: [n, ..., 1], what to run instead of the largest, for a sample that holds while logits
        move. returns: [..., K].
    """
    hard = torch.zeros_like(soft).scatter_(-1, soft.argmax(-1, keepdim=True) if paths is None else paths, 1.0)
    ran = hard.amax(0)
    return marked((hard + ran * (soft - soft.detach())).mean(0))


def gumbel_paths(alpha: Tensor, generator: torch.Generator, tau: float = 1.0, paths: int = 1) -> Tensor:
    """One option a row, drawn with the probabilities softmax(alpha), and GDAS's gradient; or a mean over some draws.

    See `sampled_paths`, of softmax((alpha + g) / tau) with Gumbel noise g.

    Args:
        alpha: logits.
        generator: of the noise.
        tau: temperature of the gradient; the draw does not depend on it.
        paths: number of draws.

    Shapes:
        alpha, returns: [..., K].
    """
    return sampled_paths(gumbel(alpha.expand(paths, *alpha.shape), generator, tau))


def two_temperature(theta: Tensor, low: float = 0.02, high: float = 0.5) -> Tensor:
    """Indicators in [0, 1] with a gradient of their own, after Colombo and Gao (arXiv 2107.03375).

        forward: 1 / (1 + exp(-theta / low)); for low = 0 its limit, 1 where theta > 0 and else 0
        backward: s (1 - s) / high with s = 1 / (1 + exp(-theta / high)), whatever `low` is

    A low temperature makes what is scored nearly binary, a high one keeps the slope alive where theta is far from 0.
    The gradient differs from the true one by a positive factor in every coordinate, so that its inner product with
    it is never negative (our statement). Every entry is on or off by itself: rows do not add up to 1.

    Deviates: the paper's text was not available, only its abstract; these equations are our reading of it.

    Shapes:
        theta, returns: [..., K].
    """
    held = theta.detach()
    indicator = torch.sigmoid(held / low) if low else (held > 0).to(theta.dtype)
    slope = torch.sigmoid(theta / high)
    return indicator + (slope - slope.detach())
