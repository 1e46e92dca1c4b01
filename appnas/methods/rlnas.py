"""RLNAS: search with random labels (Zhang, Hou, Zhang and Sun, CVPR 2021, arXiv 2101.11834).

Hypothesis: an architecture that converges more easily is better, whatever the labels. A supernet is trained on uniform
single paths and on labels drawn once at random; the architecture is sought whose weights that has turned most
(`appnas.one_shot.angle_metric`). Retraining, after the search, has the true labels.

Deviates: a path is one cell's, taken by all cells, and may have states that nothing enters, where the official training
on NAS-Bench-201 draws every cell's own and draws again where all inputs of a state are `none`; batch norms have scale
and shift unless the space says otherwise (`Bench201(affine=False)`, as there); a mutant differs in at least one
decision, and may become `none`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.one_shot import Angles, OneShot, Skip, SupernetSGD
from appnas.space import Arch, Space
from appnas.strategy import Draw, Generations, Score, SinglePaths, first
from appnas.support import checked, held, seeded
from appnas.task import DifferentiableDomain, Locked


@dataclass(frozen=True)
@checked(epochs=1, generations=1, population=1, keep=2, mutants=0, crossed=0, rate=0)
class Config(SupernetSGD):
    """Settings for NAS-Bench-201, as in the authors' repository."""

    epochs: int = 250
    """Passes of the supernet over the training data."""
    labels: Literal["random", "true"] = "random"
    """What the supernet is trained on."""
    indicator: Literal["angle", "score"] = "angle"
    """What is maximised: the angle, or the domain's own validation value under the shared weights (the ablation)."""
    skip: Skip = "empty"
    """What a skip connection adds to the weights: nothing, or (the DARTS space) an identity matrix."""
    shared: bool = True
    """Count what belongs to no operation (stem, blocks between stages, classifier) once, as the authors do. Off where
    that outweighs the cells: on NAS-Bench-201 with one cell a stage it turns the order round, with five it does not."""
    weight_decay: float = 5e-4
    """Of the weights (DARTS space: 3e-4)."""
    generations: int = 20
    """Of the evolution on the trained supernet."""
    population: int = 100
    """Architectures a generation (DARTS space: 50)."""
    keep: int = 30
    """Parents of the next generation (DARTS space: 10)."""
    mutants: int = 50
    """Children by mutation (DARTS space: 25)."""
    crossed: int = 50
    """Children by crossover (DARTS space: 25)."""
    rate: float = 0.1
    """Share of its decisions that a mutant changes."""

    def __post_init__(self) -> None:
        """Check the settings."""
        held(self, "population")
        super().__post_init__()


class Turned(OneShot):
    """A supernet that scores by the angle between its first and its present weights, in radians.

    Args:
        skip, shared: of the angle, see `appnas.one_shot.Angles`.
        space, domain, trains, more: as `OneShot`.
    """

    def __init__(self, space: Space, domain: Any, *args: Any, skip: Skip = "empty", shared: bool = True, **more: Any):
        super().__init__(space, domain, *args, **more)
        start = seeded(more.get("seed", 0), partial(space.supernet, domain.io))
        self.start = {name: w.detach() for name, w in start.named_parameters()}
        self.make = partial(Angles, space, start=self.start, inputs=domain.example(2), skip=skip, shared=shared)
        self.angles: Angles | None = None
        self.make(self.supernet)  # says at once if the space has no angles

    def learn(self, draw: Draw) -> None:
        """One SGD step, if this step trains."""
        super().learn(draw)
        if self.trains(self.scored - 1):
            self.angles = None

    def table(self) -> Angles:
        """The angles of all architectures under the weights of now."""
        if self.angles is None:
            self.angles = self.make(self.supernet)
        return self.angles

    def measure(self, arch: Arch) -> Score:
        """The angle: no data are read."""
        return Score(self.table()([arch])[0])


def search(
    space: Space, domain: DifferentiableDomain, config: Config = Config(), *, seed: int = 0, callbacks: Callbacks = ()
) -> SearchResult:
    """Train a supernet on random labels, then evolve towards the largest angle.

    Raises:
        TypeError: the domain offers no random labels, or the space no options with weights of their own.
    """
    steps = config.epochs * domain.epoch("train")
    data = domain
    if config.labels == "random":
        data = (domain if isinstance(domain, Locked) else Locked(domain)).random_labels(seed)
    kind = partial(Turned, skip=config.skip, shared=config.shared) if config.indicator == "angle" else OneShot
    evaluator = kind(
        space, data, first(steps), nesterov=True, seed=seed, **config.sgd(config.epochs, domain.epoch("train"))
    )
    rng = random.Random(seed)
    evolution = Generations(space, rng, config.population, config.keep, config.mutants, config.crossed, config.rate)
    steps += config.generations * config.population
    strategy = SinglePaths(space, rng, evolution, evaluator.trains)
    return search_loop(strategy, evaluator, steps, callbacks=callbacks).of(space, domain, config, seed)
