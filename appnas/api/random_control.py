"""Random search at equal budget: the control of every search."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence
from typing import Any

from appnas.agent import Hosted
from appnas.estimate import Evaluator, Scratch, ThenScratch, attempt, evaluator_of
from appnas.loop import Callback, Failures, SearchResult, search_loop
from appnas.one_shot import OneShot
from appnas.space import Space
from appnas.strategy import Draw, Random, Ranked, Strategy
from appnas.support import FailuresError
from appnas.task import Domain

TRIES = 10
"""Seeds that are tried if no evaluation of the control succeeds."""


def equal_budget(
    space: Space,
    domain: Any,
    results: Sequence[SearchResult],
    seed: int,
    budget: int,
    ranked: bool,
    callbacks: Sequence[Callback] = (),
) -> dict[str, Any]:
    """Random search at equal budget: as many trainings as have the epochs that all searches trained.

    It ends with the same last stage, if the search had one, whose epochs count. Where all its evaluations fail, the
    next seed is taken.

    Args:
        space: what was searched.
        domain: where, or a table, on which evaluations are counted.
        results: of the searches.
        seed: of the first of them.
        budget: of every training.
        ranked: whether each result was trained from scratch once more.
        callbacks: who evaluates, in parallel or within a time limit, say.

    Raises:
        FailuresError: all its evaluations failed, with every seed.
    """
    spent = [math.ceil(_spent(result, domain) / budget) for result in results]
    evaluations = sum(spent) + ranked * len(results) if any(spent) else sum(len(result.history) for result in results)
    for again in range(TRIES):
        try:
            found = _random(space, domain, results[0], seed + 10_000 + again, budget, evaluations, callbacks)
        except FailuresError:  # of a few evaluations all may fail
            if again + 1 == TRIES:
                raise
        else:
            break
    return {"method": "random", "evaluations": len(found.history), "best": found.best, "value": found.value}


def _random(
    space: Space,
    domain: Any,
    result: SearchResult,
    seed: int,
    budget: int,
    evaluations: int,
    callbacks: Sequence[Callback],
) -> SearchResult:
    """So many evaluations by random search, the last stage included if the search had one."""
    strategy, stage = result.strategy, result.evaluator
    alone: Strategy = Random(space, random.Random(seed), distinct=True)
    evaluator: Evaluator = evaluator_of(space, domain, budget, seed)
    if isinstance(strategy, Ranked) and isinstance(stage, ThenScratch):
        last, few = len(result.history) - strategy.steps, strategy.finalists
        first = max(evaluations - math.ceil(last * stage.budget / budget), 1)
        alone = Ranked(alone, first, few.keep, strategy.by, strategy.simplest, name=few.name)
        evaluator = ThenScratch(evaluator, first, space, domain, stage.budget, seed, stage.folds)
        evaluations = first + last
    bears = Failures(evaluations, 1.0)  # whatever fails
    return search_loop(alone, evaluator, evaluations, callbacks=[*callbacks, bears])


def _spent(result: SearchResult, domain: Any) -> float:
    """Epochs (or environment steps) that a search trained: shared weights, and networks from scratch; 0 on a table."""
    evaluator: Any = result.evaluator
    scratch = sum(record.metrics.get("budget", 0.0) for record in result.history)
    if isinstance(evaluator, Hosted):
        return scratch + evaluator.step * evaluator.host.iteration
    while not hasattr(evaluator, "spent") and hasattr(evaluator, "evaluator"):
        evaluator = evaluator.evaluator
    return scratch + (evaluator.spent / domain.epoch("train") if hasattr(evaluator, "spent") else 0.0)


def value_of(space: Space, domain: Any, result: SearchResult, epochs: int) -> float:
    """What a search among several is worth: by training its result from scratch, or by its own values."""
    if not epochs and isinstance(result.evaluator, OneShot):  # the values of training steps are losses
        trains = result.evaluator.trains
        return max((r.value for r in result.history if not trains(r.step)), default=result.value)
    if not epochs and hasattr(result.evaluator, "spent"):  # values of single batches: the largest is the luckiest
        return statistics.median(record.value for record in result.history[-math.ceil(len(result.history) / 10) :])
    if not epochs or not isinstance(domain, Domain):
        return result.value
    return float(attempt(Scratch(space, domain, epochs, result.info["seed"]), Draw(result.best)).value)


def ranked_by(result: SearchResult, epochs: int) -> str:
    """What `value_of` compares, in words: values of steps and of trainings are not of one kind."""
    if epochs:
        return f"validation value after {epochs} {'epoch' if epochs == 1 else 'epochs'} from scratch"
    if getattr(result.strategy, "ranked", list)():
        return "mean value of its last stage"
    batches = hasattr(result.evaluator, "spent") and not isinstance(result.evaluator, OneShot)
    return "median value of the last tenth of its steps" if batches else "value"


def deviation(values: Sequence[float]) -> float:
    """Standard deviation of what several searches found.

    0 of one, and NaN where a search scored nothing: statistics.stdev takes no infinity.
    """
    if not all(map(math.isfinite, values)):
        return math.nan
    return statistics.stdev(values) if len(values) > 1 else 0.0
