"""The last stage of a search: its best few are trained several times more, and one of them is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from appnas.estimate.evaluator import Evaluator
from appnas.estimate.phases import ThenScratch
from appnas.space import Space, names
from appnas.strategy import By, Ranked, Strategy
from appnas.support import checked
from appnas.task import Domain


@dataclass(frozen=True, kw_only=True)
@checked(top=1, repeats=0, folds=0, longer=0)
class LastStage:
    """Settings of the last stage: of random search, evolution, AGNN and Optuna's samplers."""

    top: int = 5
    """Architectures that the last stage trains from scratch: up to half of them the best of the hand-made ones that the
    search began with, by a first training of them all where it is `longer` than in the search; unused with a table."""
    repeats: int = 0
    """Trainings of each of them, with other seeds; 0 for no last stage."""
    folds: int = 0
    """If above 1, the n-th of them is on the n-th of so many splits of training and validation data, where the domain
    has such."""
    longer: int = 0
    """Epochs of a training in the last stage; 0 for as many as in the search."""
    by: By = "value"
    """What the last stage chooses by, and who comes to it: the mean value, the mean validation loss, or both."""
    simplest: bool = False
    """Choose the network with the fewest parameters within one standard error of the best."""


def with_last_stage(
    strategy: Strategy, evaluator: Evaluator, space: Space, domain: Domain | Evaluator, config: Any, seed: int
) -> tuple[Strategy, Evaluator, int]:
    """Strategy, evaluator and number of steps of a search with its last stage; as they are without one.

    Args:
        strategy: of the search.
        evaluator: of the search.
        space: of the networks.
        domain: of the trainings; a table has no last stage.
        config: settings of a method, a `LastStage` with `evaluations` and `budget`.
        seed: of the first training of each architecture; each further one has the next.
    """
    steps: int = config.evaluations
    if not config.repeats or not isinstance(domain, Domain):
        return strategy, evaluator, steps
    known = getattr(space, "hand_made", None) if getattr(config, "known", False) else None
    given = list((known or {}).values())
    longer = config.longer > config.budget
    ranked = Ranked(strategy, steps, config.top, config.by, config.simplest, given, longer, names(space))
    then = ThenScratch(evaluator, steps, space, domain, config.longer or config.budget, seed, config.folds)
    left = len(ranked.entrants) - min(config.top // 2, len(ranked.entrants))
    return ranked, then, steps + left + config.top * config.repeats
