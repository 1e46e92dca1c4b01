"""NAO: neural architecture optimisation in a learned continuous space (Luo et al., NeurIPS 2018, arXiv 1808.07233).

Random architectures are scored; an encoder, a predictor and a decoder are fitted to them (`AutoEncoder`); the
best are moved up the predictor's gradient with a growing step until enough of what is decoded there is new; the new
ones are scored, and so on. With `estimation="shared"` (NAO-WS) one supernet is trained on the members of a pool, one
a step, scores all of them, and the worst members give way to the new ones; the best few are then trained from scratch.

Source: the authors' repositories (NAO, NAO_pytorch), read for settings; nothing is copied.

Deviates: a token is the option of a decision, of any space, where theirs are (index, operation) pairs of a cell; all
`equivalents` that a space knows of are fitted, where theirs exchanges the branches of a random node; with
shared weights the pool is scored on all validation data, where theirs takes another random batch for every member; the
three networks are fitted anew in every round, where theirs go on learning; encoder and decoder share one embedding, and
the attention has no projection of its own, where theirs have; what the largest step leaves missing of a round is drawn
at random, where theirs takes fewer; the first step is `eta`, 10 as in the first repository, where the later one begins
with 1.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from appnas.estimate import Evaluator, ThenScratch, evaluator_of
from appnas.loop import Callback, Callbacks, SearchResult, search_loop
from appnas.one_shot import OneShot
from appnas.predict import AutoEncoder, Direction
from appnas.space import Arch, Space, random_arch
from appnas.strategy import Archive, PredictorGuided, Ranked, SinglePaths, Strategy, Told
from appnas.support import Saved, checked, held
from appnas.task import Domain


@dataclass(frozen=True)
@checked(
    start=2, rounds=1, new=1, parents=1, largest=0, hidden=1, embedding=1, layers=0, dropout=0, lam=0, epochs=1,
    batch=1, lr=0, budget=1, warmup=1, shared_lr=0, top=1,
)  # fmt: skip
class Config:
    """Settings of NAO, the authors' for CIFAR-10."""

    start: int = 600
    """Random architectures at the start; the size of the pool with shared weights."""
    rounds: int = 2
    """Times that new architectures are made; two or three suffice, the authors say."""
    new: int = 300
    """New architectures a round."""
    parents: int = 100
    """Best architectures that a round sets out from."""
    eta: float = 10.0
    """First step along the gradient, and what it grows by."""
    largest: float = 100.0
    """Largest step; what is missing then is drawn at random."""
    direction: Literal["gradient", "random"] = "gradient"
    """Up the predictor's gradient, or, as a control, as far along a random direction."""
    target: Literal["minmax", "rank"] = "minmax"
    """What the predictor learns: scaled values, the authors', or ranks, which a diverged training cannot ruin."""
    hidden: int = 96
    """Width of encoder and decoder."""
    embedding: int = 32
    """Width of a token."""
    layers: int = 0
    """Hidden layers of the predictor, 200 wide."""
    dropout: float = 0.1
    """In them."""
    lam: float = 0.8
    """Weight of the predictor's loss against the decoder's."""
    epochs: int = 1000
    """Of a fit."""
    batch: int = 100
    """Of a fit."""
    lr: float = 1e-3
    """Adam on the three networks."""
    budget: int = 25
    """Epochs (or environment steps) of every training from scratch; unused with a table."""
    estimation: Literal["scratch", "shared"] = "scratch"
    """Training from scratch (or a table), or a supernet's weights."""
    warmup: int = 50
    """Epochs that the supernet is trained before the pool is scored the first time, and again after every round."""
    shared_lr: float = 0.025
    """SGD on the supernet."""
    top: int = 5
    """Architectures trained from scratch in the end, if weights were shared."""

    def __post_init__(self) -> None:
        """Check the settings."""
        held(self, "start", "new")
        if not 0 < self.eta <= self.largest:
            raise ValueError(f"0 < eta <= largest must hold, got eta={self.eta}, largest={self.largest}")


def climb(
    model: AutoEncoder,
    archs: Sequence[Arch],
    seen: set[Arch],
    count: int,
    eta: float,
    largest: float,
    direction: Direction = "gradient",
) -> tuple[list[Arch], float]:
    """New architectures above the given ones, the step growing by `eta` until there are `count`, or it is the largest.

    Returns:
        The new ones, fewer than `count` if the largest step did not bring more, and the last step.
    """
    places, new, step = model.embed(archs), dict[Arch, None](), 0.0
    while len(new) < count and step + eta <= largest:
        step += eta
        moved = model.decode(model.step(places, step, direction, seed=round(step / eta)))
        new |= {arch: None for arch in moved if arch not in seen}
    return list(new)[:count], step


class Climb(Saved):
    """Proposes architectures decoded above the best ones told.

    Args:
        space: what to search.
        seed: of the fits and of random architectures that fill a batch.
        config: settings.
    """

    saved = ("seed", "steps", "drawn")

    def __init__(self, space: Space, seed: int, config: Config):
        self.space, self.config, self.seed = space, config, seed
        self.steps: list[float] = []
        """The last step of every round."""
        self.drawn = 0
        """Architectures drawn at random where the largest step did not bring enough."""
        self.model: AutoEncoder | None = None
        """The last one fitted; no part of the state."""

    def propose(self, told: Sequence[Told]) -> list[Arch]:
        """Fit, climb; with shared weights, those of the pool that stay, then the new ones.

        Fewer than asked for in a small space; with shared weights its pool is filled with some that come again.
        """
        config, values = self.config, dict(told)
        seen = set(values)
        if config.estimation == "shared":
            values = dict(told[-config.start :])  # earlier scores are of a supernet that was trained less
            if len(values) < 2:  # of a pool full of one architecture nothing can be learned
                return self._filled(list(values))
        seed = self.seed + 1000 * len(self.steps)
        self.model = AutoEncoder(
            self.space, seed, config.hidden, config.embedding, [200] * config.layers, config.dropout, config.lam,
            config.target, config.epochs, config.batch, config.lr,
        )  # fmt: skip
        self.model.fit(list(values), list(values.values()))
        best = sorted(values, key=values.__getitem__, reverse=True)
        count = min(config.new, config.start) if config.estimation == "shared" else config.new
        new, step = climb(self.model, best[: config.parents], seen, count, config.eta, config.largest, config.direction)
        self.steps.append(step)
        rng = random.Random(seed)
        seen |= set(new)
        self.drawn += count - len(new)
        new += Archive(seen=seen).new(self.space, rng, count - len(new))
        if config.estimation == "scratch":
            return new
        return self._filled(best[: config.start - count] + new)

    def _filled(self, pool: list[Arch]) -> list[Arch]:
        """A pool of the right size, random architectures coming again where there are no others."""
        rng = random.Random(f"{self.seed} {len(self.steps)}")
        return pool + [random_arch(self.space, rng) for _ in range(self.config.start - len(pool))]

    def best(self) -> None:
        """Values told are trusted more."""


def search(
    space: Space, domain: Domain | Evaluator, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Search with NAO."""
    shared = config.estimation == "shared"
    climb = Climb(space, seed, config)
    strategy = PredictorGuided(space, random.Random(seed), config.start, climb, new=not shared, again=shared)
    if shared:
        return _shared(space, domain, config, strategy, seed, callbacks)
    evaluator = evaluator_of(space, domain, config.budget, seed)
    steps = config.start + config.rounds * config.new
    return search_loop(strategy, evaluator, steps, callbacks=callbacks).of(space, domain, config, seed)


def _shared(
    space: Space, domain: Any, config: Config, guided: PredictorGuided, seed: int, callbacks: Sequence[Callback]
) -> SearchResult:
    """NAO-WS: the supernet learns the pool, the pool is scored and renewed; in turn."""
    if not isinstance(domain, Domain):
        raise TypeError(f"estimation='shared' trains a supernet: that needs a domain with data, got {domain!r}")
    train: int = config.warmup * domain.epoch("train")  # type: ignore[attr-defined]  # Locked names what is missing
    cycle = train + config.start
    steps = (config.rounds + 1) * cycle

    def trains(step: int) -> bool:
        return step % cycle < train and step < steps

    rng = random.Random(seed + 1)
    ranked = Ranked(guided, (config.rounds + 1) * config.start, config.top)
    strategy: Strategy = SinglePaths(
        space, rng, ranked, trains, lambda step: rng.choice(guided.pool() or [random_arch(space, rng)])
    )
    shared = OneShot(space, domain, trains, lambda step: config.shared_lr, seed=seed)  # type: ignore[arg-type]
    evaluator = ThenScratch(shared, steps, space, domain, config.budget, seed)
    return search_loop(strategy, evaluator, steps + config.top, callbacks=callbacks).of(space, domain, config, seed)
