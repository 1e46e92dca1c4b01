"""CTNAS: contrastive search with an architecture comparator (Chen et al., CVPR 2021, arXiv 2103.05471).

A few architectures are labelled. A comparator learns from their pairs which of two is better and is the reward of a
controller, R(a | b) = Pr[a >= b], against a baseline b that is raised along the way; pairs of which the comparator is
sure become pseudo-labels it learns from too. Nothing is evaluated in all this; in the end the architectures that the
comparator ranks first are.

Deviates: the mean of the rewards is subtracted (once the baseline is strong, rewards are all alike); pseudo-labels are
chosen by confidence either way, where the official code takes the largest probability only; the baseline is the best of
its whole history, so that it never falls, where the official code takes the best of the ten new ones; Adam on the
controller has its usual betas and no weight decay; an exploration labels the `pseudo` surest of all
pairs among 2 `pseudo` samples (64 of 8,128), where the official code labels the surer half of random pairs (100 of 200,
at its start 256 of 512).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch

from appnas.estimate import Evaluator, Stateless, evaluator_of
from appnas.loop import Callbacks, Loop, Observer, Record, SearchResult, search_loop
from appnas.predict import Comparator, Pairs, as_tensor, borda, confident
from appnas.space import Arch, Space, random_arch
from appnas.strategy import LSTM, Draw, PolicyGradient, PredictorGuided, Score, Strategy, Told, prepare
from appnas.support import Saved, checked, held
from appnas.task import Domain


@dataclass(frozen=True)
@checked(
    labels=2, verify=1, budget=1, width=1, layers=1, epochs=1, batch=1, comparator_lr=0, iterations=1, lr=0, momentum=0,
    hidden=1, refresh=1, pseudo=1, ratio=0, raise_every=1,
)  # fmt: skip
class Config:
    """Settings of CTNAS, those of the official code on NAS-Bench-101 but for `verify` and `pseudo`."""

    labels: int = 423
    """Random architectures evaluated at the start (m)."""
    verify: int = 10
    """Architectures evaluated in the end; the official code returns one."""
    budget: int = 10
    """Epochs (or environment steps) of every training; unused with a table."""
    form: Literal["concat", "antisymmetric"] = "concat"
    """The official comparator, or one that cannot contradict itself."""
    readout: Literal["mean", "nodes"] = "mean"
    """The official mean over nodes, or this and all decisions side by side."""
    width: int = 128
    """Of the graph convolutions."""
    layers: int = 4
    """Graph convolutions."""
    epochs: int = 1000
    """Of the comparator on the labels alone."""
    batch: int = 256
    """Pairs a step of the comparator."""
    comparator_lr: float = 2e-4
    """Adam on the comparator."""
    iterations: int = 10_000
    """Samples of the controller."""
    lr: float = 2e-4
    """Adam on the controller."""
    entropy: float = 5e-4
    """Weight of the controller's entropy bonus."""
    momentum: float = 0.9
    """Of the moving average that is subtracted from rewards."""
    hidden: int = 64
    """Width of the controller."""
    refresh: int = 100
    """Iterations between two explorations: pseudo-labels, then an epoch of the comparator."""
    pseudo: int = 64
    """Pairs pseudo-labelled in an exploration (K, out of those among 2 K samples)."""
    ratio: float = 1.0
    """Pseudo-labelled pairs to every labelled one in a batch (r); 0 for no exploration."""
    raise_every: int = 500
    """Iterations between two choices of a baseline among the last one and ten samples."""
    baseline: Literal["raised", "random", "fixed"] = "raised"
    """The curriculum; or, as controls, a random baseline drawn as often, or the first one throughout."""

    def __post_init__(self) -> None:
        """Check the settings."""
        held(self, "labels", "pseudo")


class Against(Stateless):
    """The evaluator inside: the probability to be better than the baseline, kept while comparator and baseline stay."""

    def __init__(self, comparator: Comparator, baseline: Arch, ledger: Counter[str]):
        self.comparator, self.ledger = comparator, ledger
        self.set(baseline)

    def set(self, baseline: Arch) -> None:
        """Take a baseline, and forget what was compared."""
        self.baseline = baseline
        self.known: dict[Arch, Score] = {}

    def score(self, draw: Draw) -> Score:
        """Pr[arch >= baseline]."""
        self.ledger["comparisons"] += 1
        if draw.arch not in self.known:
            self.known[draw.arch] = Score(self.comparator.compare([draw.arch], [self.baseline])[0])
        return self.known[draw.arch]


class Curriculum(Observer):
    """Explores and raises the baseline every so often."""

    def __init__(self, config: Config, inner: Against, rng: random.Random):
        self.config, self.inner, self.rng = config, inner, rng
        self.pseudo: Pairs | None = None
        self.seen: dict[Arch, None] = {}
        self.baselines = [inner.baseline]

    def step(self, loop: Loop, record: Record) -> None:
        """After every sample of the controller."""
        self.seen[record.arch] = None
        config, strategy = self.config, loop.strategy
        if config.ratio and loop.step % config.refresh == 0:
            self.explore(_asked(strategy, 2 * config.pseudo))
        if config.baseline != "fixed" and loop.step % config.raise_every == 0:
            self.lift(_asked(strategy, 10))

    def explore(self, archs: Sequence[Arch]) -> None:
        """Pseudo-label the pairs that the comparator is surest of, in both orders, and learn from them."""
        comparator = self.inner.comparator
        x = as_tensor(list(dict.fromkeys(archs)))
        if len(x) < 2:
            return
        wins = comparator.wins([tuple(row) for row in x.tolist()])
        i, j = torch.triu_indices(len(x), len(x), 1)
        chosen, label = confident(wins[i, j], wins[j, i], self.config.pseudo)
        new = Pairs(x[i[chosen]], x[j[chosen]], label)
        self.pseudo = Pairs(*map(torch.cat, zip(self.pseudo, new, strict=True))) if self.pseudo else new
        self.inner.ledger["pseudo-labels"] += len(label)
        comparator.learn(self.pseudo, self.config.ratio)
        self.inner.set(self.inner.baseline)

    def lift(self, archs: Sequence[Arch]) -> None:
        """The best of the baseline so far and some samples, by the mean of all comparisons among them."""
        self.seen |= dict.fromkeys(archs)
        candidates = list(dict.fromkeys([self.inner.baseline, *archs]))
        best = int(borda(self.inner.comparator.wins(candidates)).argmax())
        self.inner.set(candidates[best] if self.config.baseline == "raised" else self.rng.choice(archs))
        self.baselines.append(self.inner.baseline)


def _asked(strategy: Strategy, count: int) -> list[Arch]:
    prepare(strategy, count)
    return [strategy.ask().arch for _ in range(count)]


class Contrast(Saved):
    """Proposes what the comparator ranks first among all that the controller has sampled.

    Args:
        space: what to search.
        seed: of comparator, controller and first baseline.
        config: settings.
    """

    saved = ("seed", "ledger")

    def __init__(self, space: Space, seed: int, config: Config):
        self.space, self.config = space, config
        self.seed = seed
        self.ledger: Counter[str] = Counter()
        self.comparator: Comparator | None = None
        """The last one fitted; no part of the state."""

    def propose(self, told: Sequence[Told]) -> list[Arch]:
        """Fit the comparator, train the controller against it, rank."""
        config, values = self.config, dict(told)
        self.ledger["labels"] = len(values)
        seed = self.seed + 1000 * self.ledger["fits"]
        self.ledger["fits"] += 1
        comparator = Comparator(
            self.space, seed, config.width, config.layers, config.readout, config.form, config.epochs, config.batch,
            config.comparator_lr,
        )  # fmt: skip
        comparator.fit(list(values), list(values.values()))
        self.comparator = comparator
        rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
        controller = LSTM(self.space.choices, generator, self.space.mask, config.hidden)
        strategy = PolicyGradient(
            self.space, controller, generator, config.lr, config.momentum, config.entropy, pick="mode"
        )
        inner = Against(comparator, random_arch(self.space, rng), self.ledger)
        curriculum = Curriculum(config, inner, rng)
        search_loop(strategy, inner, config.iterations, callbacks=[curriculum])
        candidates = [arch for arch in curriculum.seen if arch not in values]
        if not candidates:
            return []
        order = comparator.predict(candidates).argsort(descending=True, stable=True)
        return [candidates[i] for i in order[: config.verify].tolist()]

    def best(self) -> None:
        """Values told are trusted more."""


def search(
    space: Space, domain: Domain | Evaluator, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Search with CTNAS. `info["ledger"]` counts labels, pseudo-labels and comparisons."""
    proposer = Contrast(space, seed, config)
    strategy = PredictorGuided(space, random.Random(seed), config.labels, proposer, new=True)
    evaluator = evaluator_of(space, domain, config.budget, seed)
    result = search_loop(strategy, evaluator, config.labels + config.verify, callbacks=callbacks)
    return replace(result, info={**result.info, "ledger": dict(proposer.ledger)}).of(space, domain, config, seed)
