"""ZARTS: zero-order architecture search (Wang et al., NeurIPS 2022, arXiv 2110.04743).

    min_alpha L_val(w*(alpha), alpha)  subject to  w*(alpha) = argmin_w L_train(w, alpha)

Nothing is differentiated through w*: candidates alpha + u are judged by L_val after the weights were really trained
for M steps under each of them, and alpha moves by those values alone (`appnas.strategy.ZeroOrder`,
`appnas.one_shot.Adapted`).

Deviates: the official code is `M` steps on validation batches, taken by the shared weights instead of a candidate's,
and a linear combination for the mixture of proposals; here all three are as the paper says. It weighs candidates by
softmax(-l / tau), for its proposal's density underflows: that is `correction` "none". One cosine goes over the rounds,
where the official code's goes over epochs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import Literal

import torch

from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.one_shot import Adapted, SupernetSGD
from appnas.space import Space
from appnas.strategy import Correction, Descent, MLEGuided, RandomDirections, StepEstimator, ZeroOrder, without_zero
from appnas.support import checked
from appnas.task import DifferentiableDomain, cosine


@dataclass(frozen=True)
@checked(warmup=0, inner=1, candidates=1, mixture=0, rate=0, radii=1)
class Config(SupernetSGD):
    """Search settings for CIFAR-10; "code" is the official one."""

    estimator: Literal["mgs", "rs", "gld"] = "mgs"
    """MLE-guided search, random directions, or gradientless descent."""
    epochs: int = 50
    """Passes over the training half, warm-up included."""
    warmup: int = 10
    """Epochs in which only the weights are trained."""
    inner: int = 10
    """M, weight steps of a candidate, and of the weights between two steps of alpha."""
    candidates: int = 4
    """N: candidates of mgs, pairs of directions of rs; gld tries a point for each of its radii."""
    radius: float = 0.025
    """Of mgs: deviation s of proposals, cosine; in `robust` the code has 0.2, which is `zarts.ROBUST`."""
    temperature: float = 0.01
    """tau of mgs."""
    mixture: float = 1e-3
    """lambda of mgs: share of proposals around 0; the others are around the first-order step. 1 for no gradient."""
    correction: Correction = "none"
    """What becomes of the proposal's density in mgs: none, full or clipped importance weights."""
    mu: float = 0.1
    """Smoothing radius of rs (code)."""
    rate: float = 1e-4
    """Step size of rs (code)."""
    radii: int = 15
    """Of gld (code)."""
    largest: float = 0.13
    """Largest radius of gld (code)."""
    zero: bool = False
    """Let `none` win an edge at derivation, as NAS-Bench-201's authors do; the paper excludes it."""

    def __post_init__(self) -> None:
        """Check the settings.

        Raises:
            ValueError: a setting below its least value, a step without size, or no epoch after the warm-up.
        """
        super().__post_init__()
        if self.epochs <= self.warmup:
            raise ValueError(f"epochs include the warm-up: more than {self.warmup} are needed, got {self.epochs}")
        for name in ("radius", "temperature", "mu", "largest"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.mixture > 1:
            raise ValueError(f"mixture is a share, from 0 to 1, got {self.mixture}")

    def made(self) -> StepEstimator:
        """The estimator."""
        if self.estimator == "rs":
            return RandomDirections(self.candidates, self.mu, self.rate)
        if self.estimator == "gld":
            return Descent(self.radii, self.largest)
        return MLEGuided(self.candidates, self.radius, self.temperature, self.mixture, self.correction)


ROBUST = Config(radius=0.2)
"""Search settings for the spaces of RobustDARTS; with the radius for CIFAR-10 alpha hardly leaves DARTS's own steps."""


def search(
    space: Space, domain: DifferentiableDomain, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Search with ZARTS. A step of the loop is one candidate; `info["effective"]` is their mean sample size.

    Batch norms use batch statistics everywhere, in the candidates' steps as in their judgement.
    """
    steps = domain.epoch("train")
    warm, rounds = (math.ceil(n * steps / config.inner) for n in (config.warmup, config.epochs - config.warmup))
    strategy = ZeroOrder(
        space,
        torch.Generator().manual_seed(seed),
        config.made(),
        partial(cosine, epochs=rounds, lr=1.0) if config.estimator == "mgs" else lambda round: 1.0,
        warm,
        derive=None if config.zero else partial(without_zero, space),
    )
    evaluator = Adapted(
        space, domain, config.inner, strategy.length, warm, seed=seed, **config.sgd(config.epochs, steps)
    )
    result = search_loop(strategy, evaluator, warm + rounds * strategy.length, callbacks=callbacks)
    effective = fmean(strategy.effective) if strategy.effective else 0.0
    return replace(result, info={**result.info, "effective": effective}).of(space, domain, config, seed)
