"""Search over a distribution of architectures: samples, their expected loss, and estimates of its gradient.

    min_phi E_{z ~ p_phi}[L(z)]

`Sampled` draws the samples, with relaxations that say which estimator is meant: REBAR as in UNAS, REINFORCE, the
Gumbel softmax of SNAS, or GDAS's straight-through sample. `Expected` turns the losses of a draw into a value whose
gradient is that estimate; it knows no estimator, only what of a draw carries a gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from appnas.space import Arch, Gates, Space
from appnas.strategy.gradient import Gradient
from appnas.strategy.protocol import Draw, Score
from appnas.supernet import Sample, gumbel_sample, relaxed, straight_through

GradientEstimator = Literal["unified", "reinforce", "gumbel", "gdas"]


class Sampled(Gradient):
    """Independent categorical decisions, sampled n times a draw; gates [n, count, K] and logp [n].

    "unified": coupled relaxed samples (UNAS, Vahdat et al., arXiv 1912.07651); "gumbel": relaxed samples (SNAS, Xie et
    al., arXiv 1812.09926); "gdas": one-hot forward, relaxed backward (GDAS, Dong and Yang, arXiv 1910.04465);
    "reinforce": one-hot. The weights learn on the draw that was scored. The logits start at 0, but for noise of 1e-6
    that settles ties.

    Args:
        space: what to search.
        generator: source of samples.
        samples: n.
        estimator: see above.
        tau: temperature of the relaxation.
        lr: told draws -> learning rate of Adam on the logits.
        weight_decay: of the logits.
        warmup: so many draws at first train the weights only.
        soften: added to every probability before the logarithm (section 4.2 of the UNAS paper has 0.08 on ImageNet).
        derive: gates -> architecture, if not by the space's own rule.
    """

    saved: tuple[str, ...] = (*Gradient.saved, "told")

    def __init__(
        self,
        space: Space,
        generator: torch.Generator,
        samples: int = 1,
        estimator: GradientEstimator = "unified",
        tau: float = 0.4,
        lr: Callable[[int], float] = lambda told: 1e-3,
        weight_decay: float = 1e-6,
        warmup: int = 0,
        soften: float = 0.0,
        derive: Callable[[Gates], Arch] | None = None,
    ):
        super().__init__(
            space, generator, lr=lr(0), betas=(0.9, 0.999), weight_decay=weight_decay, scale=1e-6, derive=derive
        )
        self.samples, self.estimator, self.tau, self.rate = samples, estimator, tau, lr
        self.warmup, self.soften, self.told = warmup, soften, 0

    def _relaxed(self, sample: Sample) -> Tensor:
        if self.estimator == "unified":
            return sample.soft - sample.coupled + sample.coupled.detach()
        if self.estimator == "reinforce":
            return sample.hard
        return sample.soft if self.estimator == "gumbel" else straight_through(sample.soft)

    def _draw(self) -> Draw:
        logits = relaxed(self.alpha, lambda alpha: alpha, self.space.mask)
        if self.soften:
            shares = [torch.softmax(matrix, -1) for matrix in logits]
            logits = tuple(torch.log(p + self.soften).masked_fill(p.detach() == 0, float("-inf")) for p in shares)
        found = [gumbel_sample(matrix, self.samples, self.generator, self.tau) for matrix in logits]
        gates = tuple(self._relaxed(sample) for sample in found)
        logp = torch.stack([sample.logp for sample in found]).sum(0)
        arch = self.derive(tuple(matrix.detach() for matrix in gates))
        return Draw(arch, gates, logp if self.estimator in ("unified", "reinforce") else None)

    def tell(self, draw: Draw, score: Score) -> None:
        """One Adam step up the value, once warm."""
        self.told += 1
        if self.told <= self.warmup:
            return
        self.optimiser.param_groups[0]["lr"] = self.rate(self.told - 1)
        self.climb(score.value)


Losses = Callable[[Gates, int], Tensor]
"""(gates [n, count, K], step) -> losses [m], m <= n: of the first m samples."""


def one_hot_rows(gates: Gates) -> Gates:
    """The strongest option of every row, as one-hot gates: the sample that a relaxed one belongs to."""
    return tuple(torch.zeros_like(g).scatter_(-1, g.argmax(-1, keepdim=True), 1.0) for g in gates)
