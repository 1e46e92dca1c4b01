"""The expected loss of samples, with the gradient that their draw stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from appnas.estimate import Evaluator
from appnas.space import Gates
from appnas.strategy import Draw, Losses, Score, moving_average, one_hot_rows
from appnas.supernet import unified
from appnas.support import Saved


class LossTerm(NamedTuple):
    """A part of the loss.

    Attributes:
        hard: at one-hot gates; need not be differentiable.
        soft: at relaxed gates, differentiable: the control variate.
    """

    hard: Losses
    soft: Losses


class Expected(Saved):
    """Scores draws of samples by minus their expected loss, with the gradient of `appnas.supernet.unified`.

    A term whose control variate carries no gradient (one-hot gates) has the moving average of its losses for one.

    Args:
        terms: the parts of the loss by name.
        learner: whose weights learn on the draws; None if nothing does.
        warmup: so many draws at first are scored by their relaxed samples, without a gradient.
        momentum: of the moving averages.
    """

    saved = ("step", "baseline", "learner")

    def __init__(
        self, terms: Mapping[str, LossTerm], learner: Evaluator | None = None, warmup: int = 0, momentum: float = 0.9
    ):
        self.terms, self.learner, self.warmup, self.momentum = dict(terms), learner, warmup, momentum
        self.step = 0
        self.baseline: dict[str, float] = {}

    @property
    def spent(self) -> int:
        """Training steps that the search has cost."""
        return int(getattr(self.learner, "spent", 0))

    def score(self, draw: Draw) -> Score:
        """Minus the mean loss.

        Raises:
            ValueError: the draw has no gates with one row a sample.
        """
        gates = draw.gates
        if gates is None or any(matrix.dim() != 3 for matrix in gates):
            raise ValueError("an expected loss needs draws of samples, gates [n, count, K]: use the strategy Sampled")
        warm = self.step < self.warmup
        parts, metrics = [], {}
        for name, term in self.terms.items():
            with torch.set_grad_enabled(not warm):
                parts.append(self._part(name, term, draw, gates, warm))
            metrics[name] = float(parts[-1].detach())
        self.step += 1
        return Score(-torch.stack(parts).sum(), metrics)

    def _part(self, name: str, term: LossTerm, draw: Draw, gates: Gates, warm: bool) -> Tensor:
        step = max(self.step - self.warmup, 0)
        attached = any(matrix.requires_grad for matrix in gates)
        soft = term.soft(gates, step) if attached or warm else None
        if soft is not None and (warm or draw.logp is None):
            return unified(None, soft, soft)
        with torch.no_grad():
            hard = term.hard(one_hot_rows(gates), step)
        if soft is None:
            now = float(hard.mean())
            soft = torch.full_like(hard, self.baseline.get(name, now))
            self.baseline[name] = moving_average(self.baseline.get(name), now, self.momentum)
        assert draw.logp is not None
        return unified(draw.logp[: len(hard)], hard, soft)

    def learn(self, draw: Draw) -> None:
        """Let the learner's weights take a step."""
        if self.learner:
            self.learner.learn(draw)
