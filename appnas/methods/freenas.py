"""FreeNAS: candidate operations scored at initialisation, without training or labels (Zhang et al., 2106.11542v1).

    S_o = |alpha_o dR / d alpha_o|,  R = 1^T (prod_l |W_l|) 1

for every option o of every decision, alpha = 1e-3 N(0, 1) as plain multipliers of the operations' outputs (no softmax).
The operation with the largest score stays; `none` never does. SNIP's and GraSP's scores take the loss of a labelled
batch in place of R (Lee et al., arXiv 1810.02340; Wang et al., arXiv 2002.07376):

    S_o = |alpha_o dL / d alpha_o|,   S_o = alpha_o (H g)_o  with  g = dL / d alpha, H its Jacobian

This is version 1 of the paper; later versions describe another, iterative method under another title.

The score contains the random alpha, so the result of one draw is partly a lottery: average over `draws`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.one_shot import AtInit, Proxy
from appnas.prune import parts
from appnas.space import Arch, Gates, Space, filled, full_mask
from appnas.strategy import Draw, Score
from appnas.supernet import connection_sensitivity, flow_of_gradient
from appnas.support import Saved, checked
from appnas.task import DifferentiableDomain

PROXIES: dict[str, Proxy] = {"freeflow": "freeflow", "synflow": "synflow", "snip": "loss", "grasp": "loss"}


@dataclass(frozen=True)
@checked(draws=1, rounds=1, scale=0)
class Config:
    """Settings of the search; the defaults are those of the authors' notebooks."""

    proxy: Literal["freeflow", "synflow", "snip", "grasp"] = "freeflow"
    """What is differentiated: the flow as published; in float64 without batch norms; the loss of a labelled batch."""
    draws: int = 1
    """Draws of weights and alpha whose scores are averaged, in every round."""
    rounds: int = 1
    """Rounds, after each of which every decision loses its weakest option; 1 decides at once."""
    scale: float = 1e-3
    """Deviation of alpha; 0 for an alpha of 1."""


class Saliency(Saved):
    """Random gates, and the average score of every option over the draws of a round.

    Args:
        space: what to search.
        generator: source of the gates.
        draws: draws of a round, after which every decision with more than one option left loses its weakest.
        scale: deviation of the gates' normal distribution, of which they are the absolute values; 0 for gates of 1.
        second: GraSP's score instead of SNIP's.
    """

    saved = ("generator", "told", "live", "sums", "scores")

    def __init__(
        self, space: Space, generator: torch.Generator, draws: int = 1, scale: float = 1e-3, second: bool = False
    ):
        self.space, self.generator, self.draws, self.scale = space, generator, draws, scale
        self.measure = flow_of_gradient if second else connection_sensitivity
        self.live = [m.clone() for m in parts(space)]
        self.told = 0
        self.sums = [torch.zeros(m.shape, dtype=torch.float64) for m in self.live]
        self.scores: list[Tensor] | None = None

    def ask(self) -> Draw:
        """Gates of this draw: absolute values, exactly 0 where an option is gone."""
        gates = []
        for live in self.live:
            noise = torch.randn(live.shape, generator=self.generator, dtype=torch.float64)
            gates.append(((self.scale * noise).abs() if self.scale else torch.ones_like(noise)) * live)
        return Draw(self._derive(gates), tuple(g.requires_grad_() for g in gates))

    def tell(self, draw: Draw, score: Score) -> None:
        """Add the scores of a draw, each divided by their sum: draws of weights differ by orders of magnitude.

        Raises:
            ValueError: scores that are nan or infinite, or all zero; nothing is added.
        """
        if draw.gates is None or not score.value.requires_grad:
            raise ValueError("the value carries no gradient: scores at initialisation need a proxy such as AtInit's")
        found = [s * m for s, m in zip(self.measure(score.value, draw.gates), self.live, strict=True)]
        total = float(sum(s.abs().sum() for s in found))
        if not 0 < total < float("inf"):
            trouble = "all zero" if total == 0 else f"not finite (their sum is {total})"
            raise ValueError(
                f"the scores of all options at initialisation are {trouble}: nothing can be told of them. Try the proxy"
                " 'synflow', which is exact, or another scale"
            )
        for summed, s in zip(self.sums, found, strict=True):
            summed += s / total
        self.scores = [summed.clone() for summed in self.sums]
        self.told += 1
        if self.told % self.draws == 0:
            self._prune()

    def _prune(self) -> None:
        for live, summed in zip(self.live, self.sums, strict=True):
            weakest = summed.masked_fill(~live, torch.inf).argmin(-1)
            rows = (live.sum(-1) > 1).nonzero().flatten()
            live[rows, weakest[rows]] = False
            summed.zero_()

    def _derive(self, scores: Sequence[Tensor]) -> Arch:
        """The space's rule on scores shifted to be positive, with what is gone and `none` below all others."""
        shifted = [s - s.min() for s in scores]
        return self.space.discretise(filled(shifted, tuple(self.live), -0.5))

    def best(self) -> Arch:
        """What the scores point to.

        Raises:
            ValueError: none was told yet.
        """
        if self.scores is None:
            raise ValueError("no score was told yet: there is no best architecture")
        return self._derive(self.scores)

    def distribution(self) -> Gates:
        """The scores of every decision's options, scaled to a sum of 1; uniform before there are any."""
        found = []
        for i, matrix in enumerate(full_mask(self.space.choices) if self.space.mask is None else self.space.mask):
            scores = matrix.double() if self.scores is None else self.scores[i].clamp_min(0)
            empty = scores.sum(-1, keepdim=True) == 0
            scores = torch.where(empty, matrix.double(), scores)
            found.append(scores / scores.sum(-1, keepdim=True))
        return tuple(found)


def search(
    space: Space, domain: DifferentiableDomain, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Score every option at initialisation, and derive.

    Deviates: alpha is positive in every space (in the authors' code for NAS-Bench-201, but not for the DARTS space,
    where signs let contributions cancel); draws can be averaged; scores that are nan or all zero are errors.
    """
    strategy = Saliency(
        space, torch.Generator().manual_seed(seed), config.draws, config.scale, config.proxy == "grasp"
    )  # fmt: skip
    evaluator = AtInit(space, domain, PROXIES[config.proxy], seed)
    steps = config.draws * config.rounds
    return search_loop(strategy, evaluator, steps, callbacks=callbacks).of(space, domain, config, seed)
