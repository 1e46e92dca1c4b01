"""Gradients of gates: of the validation loss after one weight step, and of an expected loss over samples.

Losses are functions of (weights, gates), or numbers, so nothing here knows networks or data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd import grad

from appnas.compute import remembering
from appnas.space import Gates
from appnas.supernet.fused import plain
from appnas.supernet.kinks import Kinks

Weights = dict[str, Tensor]
Loss = Callable[[Weights, Gates], Tensor]


class SGDStep(NamedTuple):
    """One step of SGD with momentum as a function: w' = w - lr (momentum * velocity + s gradient + decay * w).

    Attributes:
        velocity: momentum buffers by name; a missing one counts as 0.
        clip: largest norm of the gradient, 0 for none. The factor s that it asks for counts as a constant.
    """

    lr: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    velocity: Weights = {}  # noqa: RUF012  (never written)
    clip: float = 0.0

    def factor(self, gradients: Sequence[Tensor]) -> float | Tensor:
        """What clipping multiplies the gradients by; of gradients on an accelerator, a tensor there."""
        if not self.clip:
            return 1.0
        norm: Tensor = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g.detach()) for g in gradients]))
        if not norm.is_cpu:
            return (self.clip / (norm + 1e-6)).clamp(max=1.0)
        return min(self.clip / (float(norm) + 1e-6), 1.0)

    def moved(self, weights: Weights, gradients: Sequence[Tensor]) -> Weights:
        """The momentum buffers after the step."""
        factor = self.factor(gradients)
        return {
            name: self.momentum * self.velocity.get(name, 0.0) + factor * g + self.weight_decay * w
            for (name, w), g in zip(weights.items(), gradients, strict=True)
        }

    def __call__(self, weights: Weights, gradients: Sequence[Tensor]) -> Weights:
        """The weights after the step; differentiable in both arguments."""
        velocity = self.moved(weights, gradients)
        return {name: w - self.lr * velocity[name] for name, w in weights.items()}


def lookahead_exact(train: Loss, valid: Loss, weights: Weights, gates: Gates, step: SGDStep) -> Tensor:
    """L_val(w - xi grad_w L_train(w, g), g) with its full graph (Liu et al., arXiv 1806.09055, eq. 6).

    Differentiating it with respect to the gates gives eq. 7, the Hessian-vector product included, by double
    backward. Needs the memory of the training graph and its derivative at once.

    Args:
        train: training loss.
        valid: validation loss.
        weights: leaf tensors that require gradients.
        gates: attached to whatever the caller differentiates.
        step: the weight step; its lr is xi.
    """
    with plain():  # the fast form would compute everything once more to be differentiated twice
        loss = train(weights, gates)
    gradients = grad(loss, list(weights.values()), create_graph=True, materialize_grads=True)
    return valid(step(weights, gradients), gates)


def lookahead_finite(
    train: Loss, valid: Loss, weights: Weights, gates: Gates, step: SGDStep, epsilon: float = 0.001
) -> Tensor:
    """The same value, with the Hessian-vector product by a difference (arXiv 1806.09055, eq. 8).

    One extra pass runs at w + e v, with v = grad_w' L_val and e = epsilon / |v|; it computes gradients of the gates
    alone. It takes the sides that the look-ahead's own pass took at every ReLU and maximum (`Kinks`), so what is
    differenced is the smooth function that `lookahead_exact` differentiates. The gates' slope at w falls out of the
    look-ahead's pass. The gradient reaches the gates through a linear surrogate, so callers differentiate the result
    as they would the exact one.

    Deviates: eq. 8 is a central difference of free passes, at w + e v and w - e v: one pass more, and further from the
    exact gradient, since each crosses kinks (benchmarks/SPEED.md).
    """
    leaves = tuple(remembering(matrix.detach().requires_grad_(), matrix) for matrix in gates)
    kinks = Kinks()
    with kinks.used():
        loss = train(weights, leaves)
    found = grad(loss, [*leaves, *weights.values()], materialize_grads=True)
    base, gradients = found[: len(leaves)], found[len(leaves) :]
    with torch.no_grad():
        stepped = step(weights, gradients)
    stepped = {name: w.requires_grad_() for name, w in stepped.items()}
    loss = valid(stepped, leaves)
    found = grad(loss, [*leaves, *stepped.values()], materialize_grads=True)
    direct, v = found[: len(leaves)], found[len(leaves) :]
    length = torch.sqrt(sum((x.pow(2).sum() for x in v), torch.zeros(())))
    reach = epsilon / length.clamp_min(torch.finfo(length.dtype).tiny)  # v = 0: no second-order term
    moved = {name: (w + reach * x).detach() for (name, w), x in zip(weights.items(), v, strict=True)}
    with kinks.used():
        there = train(moved, leaves)
    ahead = base  # a sample of options without an operation has no slope
    if there.requires_grad:
        ahead = grad(there, list(leaves), materialize_grads=True)
    xi = step.lr * step.factor(gradients)
    total = [d - xi * (plus - own) / reach for d, plus, own in zip(direct, ahead, base, strict=True)]
    surrogate = sum(((g - g.detach()) * t).sum() for g, t in zip(gates, total, strict=True))
    return loss.detach() + surrogate


def unified(logp: Tensor | None, hard: Tensor, control: Tensor) -> Tensor:
    """The mean of L(z), whose gradient is UNAS's estimate of grad E[L(z)] (Vahdat et al., arXiv 1912.07651, section 3).

        mean[(L(z) - c) grad log p(z)] + grad mean c

    With c = L(s) at the relaxed sample s = soft - coupled + stopgrad(coupled) (`appnas.supernet.gumbel_sample`) this is
    REBAR: reinforcement with a control variate, its correction, and the Gumbel-softmax term, in one backward pass.
    With a constant c it is REINFORCE with a baseline; without logp, and s = soft, it is the Gumbel-softmax estimate.

    Shapes:
        logp: [n], or None; hard, control: [n], losses at the samples and at their relaxations.
    """
    climb = control.mean()
    if logp is not None:
        climb = climb + (logp * (hard - control).detach()).mean()
    return hard.detach().mean() + climb - climb.detach()


def connection_sensitivity(value: Tensor, gates: Gates) -> Gates:
    """|g dV / dg|, the score of a gate or a weight by SNIP (Lee et al., arXiv 1810.02340) and SynFlow (2006.05467)."""
    slopes = grad(value, gates, materialize_grads=True)
    return tuple((gate.detach() * slope).abs() for gate, slope in zip(gates, slopes, strict=True))


def flow_of_gradient(value: Tensor, gates: Gates) -> Gates:
    """G (H s) with s = dV / dg, GraSP's score (Wang et al., arXiv 2002.07376).

    Large where the gradient's norm would suffer from the gate's loss. Of a loss it is the same as of its negative.
    """
    slopes = grad(value, gates, create_graph=True, materialize_grads=True)
    product = sum(((s.detach() * s).sum() for s in slopes), torch.zeros(()))
    bends = grad(product, gates, materialize_grads=True)
    return tuple(gate.detach() * bend for gate, bend in zip(gates, bends, strict=True))
