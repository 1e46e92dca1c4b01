"""Automatic routability predictor development by edge-weight sampling (Chang et al., ICCAD 2021, arXiv 2012.01737).

Sub-graphs of guide-DAGs are sampled by edge weights (`EdgeWeights`), each is built and trained on the target
data itself, without proxies or shared weights, and its validation metric multiplies the weights of its edges. In the
end five-fold cross-validation chooses among the best five. The space made for it is `guide_dag`; on spaces without such
edges every decision's options are drawn by a softmax.

With sharing="supernet" one supernet is trained on the samples and scores them by its validation loss: much cheaper, and
less faithful.

Deviates: how weights are drawn and moved, so that they learn (see `appnas.strategy.policies.edge_weights`). Where a
domain has no folds, the final choice is by trainings over as many seeds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from appnas.estimate import Evaluator, ThenScratch, evaluator_of
from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.one_shot import Shared
from appnas.space import Space
from appnas.strategy import EdgeWeights, Ranked
from appnas.support import checked
from appnas.task import Domain


@dataclass(frozen=True)
@checked(evaluations=1, budget=1, rate=0, clip=0, momentum=0, top=1, folds=0, lr=0)
class Config:
    """Settings of the search. Those not marked as the paper's are ours: it could not be read in full."""

    evaluations: int = 100
    """Sub-graphs scored before the last stage; with a shared supernet its training steps too."""
    budget: int = 45
    """Epochs (or environment steps) of every training, the paper's; unused with a table."""
    rate: float = 0.15
    """Alpha, for a deviation of the scores; chosen on planted values. In the rule of the notes it is for a value of 1:
    5 for fractions, 0.05 for percent."""
    clip: float = 1.0
    """Largest exponent of an update."""
    momentum: float = 0.8
    """Of the scores' moving mean and deviation; chosen on planted values."""
    rule: Literal["odds", "notes"] = "odds"
    """How weights are drawn and moved. odds learns; notes is the paper's rule as our notes have it, which does not: see
    `appnas.strategy.policies.edge_weights`."""
    top: int = 5
    """Architectures trained again in the end, the paper's; unused with a table."""
    folds: int = 5
    """Trainings of each of them, the paper's: each holds out another part of the data for validation (designs, in
    `eda`); without such parts, over as many seeds. 0 for no last stage."""
    sharing: Literal["none", "supernet"] = "none"
    """none, as in the paper, trains every sample from scratch; supernet scores samples with weights that all share."""
    lr: float = 0.025
    """SGD on shared weights."""


def search(
    space: Space, domain: Domain | Evaluator, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Sample, score, multiply; then train the best few again.

    Raises:
        TypeError: sharing without a differentiable domain.
    """
    strategy: EdgeWeights | Ranked = EdgeWeights(
        space, random.Random(seed), config.rate, config.clip, config.momentum, config.rule
    )
    evaluator: Evaluator
    if config.sharing == "supernet":
        evaluator = Shared(space, domain, lambda step: config.lr, seed=seed)  # type: ignore[arg-type]
    else:
        evaluator = evaluator_of(space, domain, config.budget, seed)
    steps = config.evaluations
    if isinstance(domain, Domain) and config.folds:
        strategy = Ranked(strategy, steps, config.top)
        evaluator = ThenScratch(evaluator, steps, space, domain, config.budget, seed + 1, config.folds)
        steps += config.top * config.folds
    return search_loop(strategy, evaluator, steps, callbacks=callbacks).of(space, domain, config, seed)
