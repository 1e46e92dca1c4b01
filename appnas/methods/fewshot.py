"""Few-shot NAS: several supernets, each for a part of the space (Zhao et al., ICML 2021, arXiv 2006.06863).

    Omega = union over o of Omega_o,  Omega_o = {a : a_e = o}

One supernet for all architectures ranks them badly, as operations adapt to each other; training every network is dear.
In between: train one supernet, split the space along a decision e (or several), let every part inherit the weights and
train on its own single paths. An architecture is scored by the supernet of its part; any strategy searches on top.

The claim that is shown (`benchmarks/RESULTS.md`) is that of the published scores, not one of supernets trained here.
"""

from __future__ import annotations

import copy
import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch

from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.one_shot import OneShot, SupernetSGD
from appnas.space import Arch, Space, decisions, legal, random_arch, split
from appnas.strategy import Draw, Evolution, Independent, PolicyGradient, Random, Score, SinglePaths, Strategy, first
from appnas.support import checked, seeded
from appnas.task import DifferentiableDomain

Leaf = tuple[int, ...]
"""The options taken at the decisions that the space is split along."""


@dataclass(frozen=True)
@checked(epochs=1, leaf_epochs=1, evaluations=1, population=1, sample=1)
class Config(SupernetSGD):
    """Settings for NAS-Bench-201, as in the authors' repository."""

    split: tuple[int, ...] = (0,)
    """Decisions that the space is split along; none for the control, one supernet."""
    epochs: int = 600
    """Passes of the first supernet over the training data."""
    leaf_epochs: int = 300
    """Passes of every part's supernet."""
    transfer: bool = True
    """Parts inherit the weights of the first supernet, or begin anew."""
    weight_decay: float = 1e-4
    """Of the weights. Nesterov's momentum; the parts begin with it and the cosine again."""
    strategy: Literal["evolution", "random", "reinforce"] = "evolution"
    """What searches on the trained supernets."""
    evaluations: int = 5000
    """Architectures scored (one that comes again costs nothing)."""
    population: int = 10
    """Of regularised evolution (NAS-Bench-201's authors)."""
    sample: int = 3
    """Of its tournaments."""


def leaf_of(arch: Arch, along: Sequence[int]) -> Leaf:
    """The part of the space that an architecture is in."""
    return tuple(arch[d] for d in along)


def count(space: Space, along: Sequence[int]) -> int:
    """Number of parts, at most; none for a space that is not split."""
    options = legal(space)
    return math.prod(len(options[d]) for d in along if 0 <= d < len(options)) if along else 0


def leaves(space: Space, along: Sequence[int], tries: int = 20) -> list[Leaf]:
    """The parts of a space that hold an architecture, found by the space's rule on scores that favour them.

    Raises:
        ValueError: a decision that the space does not have.
    """
    options = legal(space)
    if any(not 0 <= d < len(options) for d in along):
        raise ValueError(f"the space has the decisions 0 to {len(options) - 1}, got split={tuple(along)}")
    rng, found = torch.Generator().manual_seed(0), []
    for leaf in itertools.product(*(options[d] for d in along)):
        if any(_favoured(space, along, leaf, rng) for _ in range(tries)):
            found.append(leaf)
    return found


def _favoured(space: Space, along: Sequence[int], leaf: Leaf, rng: torch.Generator) -> Arch | None:
    """What the space's rule makes of random scores that favour a part; None if it is outside of it."""
    rows = [torch.rand(len(names), generator=rng) for names in decisions(space.choices)]
    for d, k in zip(along, leaf, strict=True):
        rows[d] = torch.zeros(len(rows[d]))
        rows[d][k] = 3.0
    arch = space.discretise(split(space.choices, rows))
    return arch if space.valid(arch) and leaf_of(arch, along) == leaf else None


def path_in(space: Space, along: Sequence[int], leaf: Leaf, rng: random.Random, tries: int = 100_000) -> Arch:
    """An architecture drawn uniformly from a part: draws from the whole space until one is in it.

    Where so many draws find none, what the space's rule makes of scores that favour the part.

    Raises:
        ValueError: none was.
    """
    for _ in range(tries):
        arch = random_arch(space, rng)
        if leaf_of(arch, along) == leaf:
            return arch
    generator = torch.Generator().manual_seed(rng.randrange(2**31))
    for _ in range(20):
        if favoured := _favoured(space, along, leaf, generator):
            return favoured
    raise ValueError(f"no architecture in the part {leaf} along the decisions {tuple(along)} within {tries} draws")


class FewShot(OneShot):
    """A supernet that is followed by one for each part of the space: the router is `leaf_of`.

    Args:
        space, domain: as `OneShot`.
        along: decisions that the space is split along; none for a single supernet.
        steps: of the first supernet.
        leaf_steps: of every part's.
        leaf_lr: learning rate of a part's supernet by its own steps.
        transfer: parts inherit weights.
        more: settings of SGD and the seed, as `OneShot`.
    """

    def __init__(
        self, space: Space, domain: DifferentiableDomain, along: Sequence[int], steps: int, leaf_steps: int,
        leaf_lr: Any, transfer: bool = True, seed: int = 0, **more: Any,
    ):  # fmt: skip
        self.keys = leaves(space, along) if along else []
        super().__init__(space, domain, first(steps + leaf_steps * len(self.keys)), seed=seed, **more)
        self.along, self.steps, self.leaf_steps, self.transfer = tuple(along), steps, leaf_steps, transfer
        self.make = partial(OneShot, space, domain, first(leaf_steps), seed=seed + 1, **{**more, "lr": leaf_lr})
        self.seed = seed
        self.parts: dict[Leaf, OneShot] = {}

    def part(self, arch: Arch) -> OneShot:
        """The supernet of an architecture's part, made when it is first asked for.

        Its options outside the part are never on a path: they are not trained, only stored.
        """
        leaf = leaf_of(arch, self.along)
        if leaf not in self.parts:
            fresh = partial(self.space.supernet, self.domain.io)
            net = copy.deepcopy(self.supernet) if self.transfer else seeded(self.seed + 1, fresh)
            self.parts[leaf] = self.make(supernet=net)
        return self.parts[leaf]

    def score(self, draw: Draw) -> Score:
        """Of the first supernet while it trains, then of the part's."""
        if not self.keys or self.scored < self.steps:
            return super().score(draw)
        self.scored += 1
        return self.part(draw.arch).score(draw)

    def learn(self, draw: Draw) -> None:
        """A step of the supernet that has just been scored, if it trains."""
        if not self.keys or self.scored <= self.steps:
            super().learn(draw)
            return
        part = self.part(draw.arch)
        self.step += part.pending is not None  # the training of all supernets counts
        part.learn(draw)

    def state_dict(self) -> dict[str, Any]:
        """Of all supernets."""
        parts = [[list(leaf), part.state_dict()] for leaf, part in self.parts.items()]
        return {**super().state_dict(), "parts": parts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        super().load_state_dict(state)
        self.parts = {}
        for leaf, saved in state["parts"]:
            self.parts[tuple(leaf)] = self.make(supernet=copy.deepcopy(self.supernet))
            self.parts[tuple(leaf)].load_state_dict(saved)


def search(
    space: Space, domain: DifferentiableDomain, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Train the supernets, then search on their scores.

    Deviates: every step draws one architecture for all cells (the authors' code one for each cell, which is another
    network than the ones it scores later); scores are of validation data, a part of the training data (theirs of the
    test set). Gradient methods inside the parts, their other use of the idea, are left out.
    """
    epoch = domain.epoch("train")
    steps, leaf_steps = config.epochs * epoch, config.leaf_epochs * epoch
    evaluator = FewShot(
        space, domain, config.split, steps, leaf_steps, config.sgd(config.leaf_epochs, epoch)["lr"], config.transfer,
        seed, nesterov=True, **config.sgd(config.epochs, epoch),
    )  # fmt: skip
    rng, keys = random.Random(seed), evaluator.keys

    def path(step: int) -> Arch:
        if step < steps:
            return random_arch(space, rng)
        return path_in(space, config.split, keys[(step - steps) // leaf_steps], rng)

    strategy = SinglePaths(space, rng, _strategy(space, config, rng, seed), evaluator.trains, path)
    total = steps + leaf_steps * len(evaluator.keys) + config.evaluations
    return search_loop(strategy, evaluator, total, callbacks=callbacks).of(space, domain, config, seed)


def _strategy(space: Space, config: Config, rng: random.Random, seed: int) -> Strategy:
    if config.strategy == "evolution":
        return Evolution(space, rng, config.population, config.sample)
    if config.strategy == "random":
        return Random(space, rng)
    generator = torch.Generator().manual_seed(seed)
    return PolicyGradient(space, Independent(space.choices, generator, space.mask), generator)
