"""A sampler of Optuna as a search strategy (Akiba et al., "Optuna", KDD 2019, arXiv 1907.10902): TPE, CMA-ES, GP, ...

What an engineer reaches for today. TPE: Bergstra, Bardenet, Bengio and Kegl, "Algorithms for Hyper-Parameter
Optimization", 2011; Watanabe, arXiv 2304.11127.
"""

from __future__ import annotations

import copy
import importlib
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch

from appnas.estimate import Evaluator, LastStage, evaluator_of, with_last_stage
from appnas.loop import Callbacks, SearchResult, search_loop
from appnas.space import Arch, Space, active, all_of, decisions, legal, names, spent, split
from appnas.strategy import Archive, Draw, Score
from appnas.support import ExhaustedError, Saved, checked
from appnas.task import Domain

Sampler = Literal["tpe", "gp", "cmaes", "random"]
TRIES = 10
"""Draws whose networks were told before, and are told again at once, until one is returned all the same."""


@dataclass(frozen=True)
@checked(evaluations=1, startup=1, budget=1)
class Config(LastStage):
    """Settings."""

    evaluations: int = 300
    """Architectures scored."""
    sampler: Sampler = "tpe"
    """Tree-structured Parzen estimators, a Gaussian process, CMA-ES (which moves in ordered choices alone), or Optuna's
    random search."""
    startup: int = 10
    """Random architectures before a model is made: Optuna's default."""
    budget: int = 10
    """Epochs (or environment steps) of every training; unused with a table."""
    distinct: bool = True
    """Score every network once, and tell what is known of it again when it comes again (the sampler then draws another,
    some times), where the space can tell which architectures are the same one (`canonical`); without, of every
    architecture."""


def optuna() -> Any:
    """The package.

    Raises:
        ImportError: it is missing.
    """
    try:
        import optuna as package
    except ImportError as error:
        raise ImportError("the method 'optuna' needs the package optuna: pip install 'appnas[optuna]'") from error
    return package


NEEDS: dict[str, str] = {"gp": "scipy", "cmaes": "cmaes"}
"""Packages that samplers need besides; the extra `optuna` has them."""


def sampler_of(kind: Sampler, seed: int, startup: int = 10) -> Any:
    """A sampler of Optuna by name.

    Raises:
        ImportError: a package is missing.
        ValueError: an unknown name.
    """
    samplers = optuna().samplers
    kinds: dict[str, Callable[[], Any]] = {
        "tpe": lambda: samplers.TPESampler(seed=seed, n_startup_trials=startup),
        "gp": lambda: samplers.GPSampler(seed=seed, n_startup_trials=startup, warn_independent_sampling=False),
        "cmaes": lambda: samplers.CmaEsSampler(seed=seed, n_startup_trials=startup, warn_independent_sampling=False),
        "random": lambda: samplers.RandomSampler(seed=seed),
    }
    if kind not in kinds:
        raise ValueError(f"a sampler is one of {', '.join(kinds)}, or an instance of Optuna's, got {kind!r}")
    try:
        importlib.import_module(NEEDS.get(kind, "optuna"))
    except ImportError as error:
        package = NEEDS[kind]
        raise ImportError(f"the sampler {kind!r} needs the package {package}: pip install {package}") from error
    return kinds[kind]()


class OptunaStrategy(Saved):
    """Asks a sampler of Optuna, in a study that is kept in memory.

    A decision is a category of the options that the space's mask allows, or their position where the choice is ordered.
    Decisions that are not active are not asked for. A sample that breaks the space's rules is discretised, as in
    `PolicyGradient`; the sampler is told its value under what it sampled. Values that are not finite, and evaluations
    that failed, are told as failed trials.

    The state is what was asked and told, in order: the sampler goes through it again when it is loaded, so that its own
    state need not be known.

    Args:
        space: what to search.
        seed: of a sampler by name.
        sampler: its name, or an instance, of which a copy is used.
        startup: random architectures of a sampler by name.
        distinct: see `Config`.

    Raises:
        ImportError: a package is missing.
        ValueError: an unknown name; "cmaes" in a space without ordered choices.
    """

    saved = ("seed", "events", "archive")

    def __init__(
        self, space: Space, seed: int, sampler: Sampler | Any = "tpe", startup: int = 10, distinct: bool = False
    ):
        self.space, self.seed, self.startup = space, seed, startup
        self.given = sampler if isinstance(sampler, str) else copy.deepcopy(sampler)
        self.ordered = [choice.ordered for choice in space.choices for _ in range(choice.count)]
        self.labels = [f"{c.name} {i}" for c in space.choices for i in range(c.count)]
        self.options = legal(space)
        if sampler == "cmaes" and not any(self.ordered):
            raise ValueError(
                f"CMA-ES moves in ordered choices alone, and {type(space).__name__} has none: it would be random search"
            )
        self.name, self.distinct = names(space, distinct), distinct
        self.archive = Archive(name=self.name)
        self._begin()

    def _begin(self) -> None:
        """A study in which nothing was asked."""
        package = optuna()
        made = copy.deepcopy(self.given)
        if isinstance(made, str):
            made = sampler_of(made, self.seed, self.startup)  # type: ignore[arg-type]
        before = package.logging.get_verbosity()
        package.logging.set_verbosity(package.logging.WARNING)  # it tells the name of every study
        try:
            self.study = package.create_study(direction="maximize", sampler=made)
        finally:
            package.logging.set_verbosity(before)
        self.events: list[tuple[Arch, float | None]] = []
        """What was asked, with None, and told, with its value, in order."""
        self.open: list[tuple[Arch, Any]] = []
        self.values: dict[Arch, float] = {}

    def ask(self) -> Draw:
        """What the sampler draws.

        Raises:
            ExhaustedError: networks are to be distinct, and all were told.
        """
        for _ in range(TRIES):
            trial = self.study.ask()
            arch = self._drawn(trial)
            known = self.values.get(self.name(arch)) if self.distinct else None
            if known is None:
                break
            self._settle(trial, known)
        else:
            if spent(self.space, self.values, self.name):
                raise ExhaustedError(all_of(len(self.values)))
            trial = self.study.ask()
            arch = self._drawn(trial)
        self.events.append((arch, None))
        self.open.append((arch, trial))
        return Draw(arch)

    def _drawn(self, trial: Any) -> Arch:
        """Decision by decision, those that become active on the way, too; what is not active in the end is 0."""
        arch, asked = [0] * len(self.options), set[int]()
        for position, allowed in enumerate(self.options):
            if len(allowed) == 1:
                arch[position] = allowed[0]
        while left := [d for d, on in enumerate(active(self.space, tuple(arch))) if on and d not in asked]:
            arch[left[0]] = self._option(trial, left[0])
            asked.add(left[0])
        found = tuple(k if on else 0 for k, on in zip(arch, active(self.space, tuple(arch)), strict=True))
        if self.space.valid(found):
            return found
        rng = random.Random(f"{self.seed} {trial.number}")
        scores = [[rng.random() for _ in options] for options in decisions(self.space.choices)]
        for row, k in zip(scores, found, strict=True):
            row[k] += 1.0
        return self.space.discretise(split(self.space.choices, [torch.tensor(row) for row in scores]))

    def _option(self, trial: Any, position: int) -> int:
        allowed, label = self.options[position], self.labels[position]
        if len(allowed) == 1:
            return allowed[0]
        if self.ordered[position]:
            return allowed[int(trial.suggest_int(label, 0, len(allowed) - 1))]
        return int(trial.suggest_categorical(label, allowed))

    def _settle(self, trial: Any, value: float) -> None:
        if math.isfinite(value):
            self.study.tell(trial, value)
        else:
            self.study.tell(trial, state=optuna().trial.TrialState.FAIL)

    def tell(self, draw: Draw, score: Score) -> None:
        """Tell the trial's value, or that it failed."""
        value = float(score.value)
        self.archive.update(draw.arch, value)
        self._told(draw.arch, math.nan if score.failure else value)

    def _told(self, arch: Arch, value: float) -> None:
        place = next((i for i, (other, _) in enumerate(self.open) if other == arch), None)
        if place is None:
            raise ValueError(f"told of {arch}, which was not asked")
        self.events.append((arch, value))
        self.values.setdefault(self.name(arch), value)
        self._settle(self.open.pop(place)[1], value)

    def best(self) -> Arch:
        """The best told."""
        return self.archive.get()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state: ask and tell all of it again.

        Raises:
            ValueError: the sampler draws something else than it did.
        """
        self.seed = state["seed"]
        self._begin()
        for number, (arch, value) in enumerate(state["events"]):
            if value is not None:
                self._told(tuple(arch), value)
            elif (again := self.ask().arch) != tuple(arch):
                raise ValueError(
                    f"{type(self.study.sampler).__name__} drew {again} as event {number} of what was saved, where"
                    f" {tuple(arch)} was drawn: it needs a seed, and the version of Optuna that it was saved with"
                )
        super().load_state_dict({**state, "events": self.events})


def search(
    space: Space,
    domain: Domain | Evaluator,
    config: Config = Config(),
    *,
    seed: int = 0,
    callbacks: Callbacks = (),
    sampler: Any = None,
) -> SearchResult:
    """Search.

    Args:
        space: what to search.
        domain: a domain, or an evaluator such as a table.
        config: settings.
        seed: of the sampler and the trainings.
        callbacks: look on.
        sampler: an instance of Optuna's, or of a package for it, instead of one by name; with a seed of its own.

    Raises:
        ImportError: a package is missing.
        ValueError: "cmaes" in a space without ordered choices.
    """
    strategy = OptunaStrategy(space, seed, sampler or config.sampler, config.startup, config.distinct)
    evaluator = evaluator_of(space, domain, config.budget, seed, config.distinct)
    ranked, evaluator, steps = with_last_stage(strategy, evaluator, space, domain, config, seed)
    return search_loop(ranked, evaluator, steps, callbacks=callbacks).of(space, domain, config, seed)
