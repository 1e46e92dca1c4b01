"""GCN-fit: fitting the search space of weight-sharing NAS with graph convolutions (Chen et al., AAAI 2021, 2004.08423).

An architecture's score under shared weights is its quality plus an error, and the largest of many scores is one with a
large error. A small graph convolution fitted to sampled scores averages the errors out:

    a* = argmax { GCN(a) : cost(a) <= limit },   GCN = argmin sum_i (GCN(a_i) - score_i)^2

Progressively: the first 7 decisions are fitted while all others are random; all members of this segment are predicted,
the 6 best become the options of one super-cell, which the next segment begins with. What was fitted last is a table of
the space: a limit on any cost is applied to it afterwards, without another evaluation (`within`).

Source: the abstract and one figure. Deviates: the layers of the graph convolution add up with what they are given and
its head starts at zero; sizes of it and of the samples are ours.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from torch import Tensor

from appnas.estimate import Evaluator, evaluator_of
from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.one_shot import OneShot
from appnas.predict import GCNRegressor, Predictor, Reference, as_tensor
from appnas.space import ZERO, Arch, Prefix, Space, complete, decisions, ends, extend, members
from appnas.strategy import PredictorGuided, SinglePaths, Strategy, Told, first
from appnas.support import Saved, checked, held
from appnas.task import Domain


@dataclass(frozen=True)
@checked(
    pairs=2, segment=2, keep=1, width=1, layers=1, epochs=1, batch=1, lr=0, listed=1, samples=1, warmup=1, shared_lr=0,
    budget=1,
)  # fmt: skip
class Config:
    """Settings of GCN-fit."""

    pairs: int = 2000
    """Architectures scored in every segment."""
    segment: int = 7
    """Decisions of a segment, a super-cell counted as one."""
    keep: int = 6
    """Members of a segment that become options of a super-cell."""
    predictor: Literal["gcn", "ridge", "forest"] = "gcn"
    """Graph convolutions; or, as controls, ridge regression or a random forest on the one-hot code."""
    width: int = 64
    """Of the graph convolutions: small enough not to learn errors by heart."""
    layers: int = 3
    """Graph convolutions."""
    readout: Literal["mean", "nodes"] = "mean"
    """Mean over nodes, or this and all decisions side by side, which fits closer."""
    target: Literal["standard", "rank"] = "standard"
    """Standardised scores, or their ranks, which fit errors closer."""
    epochs: int = 100
    """Of a fit."""
    batch: int = 64
    """Of a fit."""
    lr: float = 1e-3
    """Adam of the fit."""
    listed: int = 300_000
    """Largest segment of which all members are predicted."""
    samples: int = 10_000
    """Members drawn of a larger one."""
    estimation: Literal["shared", "scratch"] = "shared"
    """A supernet's weights, or training from scratch; with a table, its scores stand for either."""
    warmup: int = 50
    """Epochs of the supernet on uniform single paths."""
    shared_lr: float = 0.025
    """SGD on the supernet."""
    budget: int = 10
    """Epochs (or environment steps) of every training from scratch."""

    def __post_init__(self) -> None:
        """Check the settings."""
        held(self, "pairs", "samples")


class Fitted(NamedTuple):
    """All members of the last segment that are valid, the best prediction first.

    Shapes:
        archs: [n, D]. scores: [n].
    """

    archs: Tensor
    scores: Tensor


class Fit(Saved):
    """Proposes samples of the next segment, and in the end the architecture with the best prediction.

    Args:
        space: what to search.
        seed: of fits and samples.
        config: settings.
    """

    saved = ("seed", "stage", "supercell", "fitted")

    def __init__(self, space: Space, seed: int, config: Config):
        self.space, self.seed, self.config = space, seed, config
        every = decisions(space.choices)
        self.ends = ends(len(every), config.segment)
        self.rest = tuple(next((k for k, name in enumerate(o) if name not in ZERO), 0) for o in every)
        self.stage = 0
        self.supercell: list[Prefix] = [()]
        """Options of the super-cell that the segment begins with."""
        self.fitted: Fitted | None = None
        self.predictor: Predictor | None = None
        """The last one fitted; no part of the state."""

    def _predictor(self) -> Predictor:
        config, seed = self.config, self.seed + self.stage
        if config.predictor != "gcn":
            return Reference(self.space, config.predictor, seed, config.target)
        return GCNRegressor(
            self.space, seed, config.width, config.layers, config.readout, kind_of_target=config.target,
            epochs=config.epochs, batch=config.batch, lr=config.lr,
        )  # fmt: skip

    def _padded(self, prefix: Prefix) -> Arch:
        """Decisions that are not fitted yet are all alike to the predictor: what they add is averaged over.

        They take an option that lets something through: a graph whose rest is `none` would lead nowhere.
        """
        return prefix + self.rest[len(prefix) :]

    def propose(self, told: Sequence[Told]) -> list[Arch]:
        """Fit the segment, keep its best members, sample on from them."""
        if self.stage == len(self.ends):
            return []
        rng = random.Random(f"{self.seed} {self.stage} {len(told)}")
        known, end = len(self.supercell[0]), self.ends[self.stage]
        options = set(self.supercell)
        data = [(arch, value) for arch, value in told if arch[:known] in options]
        if len(data) < 2:  # asked ahead of what was told
            return [extend(self.space, self.supercell, rng)]
        self.predictor = self._predictor()
        self.predictor.fit([self._padded(arch[:end]) for arch, _ in data], [value for _, value in data])
        found = members(self.space, self.supercell, end, rng, self.config.listed, self.config.samples)
        scores = self.predictor.predict([self._padded(prefix) for prefix in found])
        order = scores.argsort(descending=True, stable=True).tolist()
        self.stage += 1
        if self.stage == len(self.ends):
            order = [i for i in order if self.space.valid(found[i])]
            self.fitted = Fitted(as_tensor([found[i] for i in order]), scores[order])
            return [found[order[0]]]
        kept = (found[i] for i in order if complete(self.space, found[i], rng))
        best = sorted(data, key=lambda pair: pair[1], reverse=True)  # what was scored has a rest that goes with it
        scored = dict.fromkeys(arch[:end] for arch, _ in best)
        self.supercell = list(itertools.islice(kept, self.config.keep)) or list(scored)[: self.config.keep]
        return [extend(self.space, self.supercell, rng) for _ in range(self.config.pairs)]

    def within(self, cost: Callable[[Arch], float], limit: float) -> Arch:
        """The best prediction whose cost is at most the limit.

        Raises:
            ValueError: the fit is not finished, or no architecture costs so little.
        """
        if self.fitted is None:
            raise ValueError("the fit is not finished: its last segment was not told yet")
        for row in self.fitted.archs.tolist():
            if cost(tuple(row)) <= limit:
                return tuple(row)
        raise ValueError(
            f"none of the {len(self.fitted.archs)} architectures that were predicted costs {limit} or less"
        )

    def best(self) -> Arch | None:
        """The best prediction, trusted more than any score told."""
        return None if self.fitted is None else tuple(self.fitted.archs[0].tolist())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        self.fitted = self.fitted and Fitted(*self.fitted)


def within(result: SearchResult, cost: Callable[[Arch], float], limit: float) -> Arch:
    """The architecture that a finished search would have found under a limit: nothing is scored or fitted again.

    Args:
        result: of a search with this method.
        cost: arch -> cost, in any unit.
        limit: largest cost.
    """
    strategy: Any = getattr(result.strategy, "strategy", result.strategy)
    found: Arch = strategy.proposer.within(cost, limit)
    return found


def search(
    space: Space, domain: Domain | Evaluator, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Search with GCN-fit: the supernet, if any, is trained first; then every segment's samples are scored."""
    proposer = Fit(space, seed, config)
    strategy: Strategy = PredictorGuided(space, random.Random(seed), config.pairs, proposer)
    steps = config.pairs * len(proposer.ends) + 1
    evaluator: Evaluator
    if isinstance(domain, Domain) and config.estimation == "shared":
        train = config.warmup * domain.epoch("train")  # type: ignore[attr-defined]  # Locked names what is missing
        strategy = SinglePaths(space, random.Random(seed + 1), strategy, first(train))
        rate = config.shared_lr
        evaluator = OneShot(space, domain, first(train), lambda step: rate, seed=seed)  # type: ignore[arg-type]
        steps += train
    else:
        evaluator = evaluator_of(space, domain, config.budget, seed)
    return search_loop(strategy, evaluator, steps, callbacks=callbacks).of(space, domain, config, seed)
