"""An evaluation that may fail: whatever is raised for one architecture becomes a score that says so."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from appnas.compute import PeerError
from appnas.strategy import Draw, Score
from appnas.support import DataError, Failure, failure_of, is_number, number
from appnas.task import DivergedError, LockedError


def attempt(evaluator: Any, draw: Draw, score: Callable[[Draw], Score] | None = None) -> Score:
    """The score of a draw; if it is one architecture that could not be evaluated, that of a failed evaluation.

    What comes with gates is a step of a shared network: its errors are no single architecture's. SystemExit ends this
    process, as whoever stops it may have meant; an architecture that does so three times has died.

    Args:
        evaluator: whose draw it is.
        draw: what to score.
        score: how, if not by the evaluator's own `score`.

    Raises:
        DataError: the data are at fault.
        LockedError: the evaluation reached for test data.
        PeerError: another process of the search ended.
        DivergedError: shared weights diverged.
    """
    score = score or evaluator.score
    try:
        return numbers(score(draw)) if draw.gates is None else score(draw)
    except (DataError, LockedError, PeerError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # libraries derive errors from it, too
        if draw.gates is not None or (isinstance(error, DivergedError) and hasattr(evaluator, "supernet")):
            raise
        return failed(evaluator, failure_of(error))


def numbers(score: Any) -> Score:
    """A score of one architecture with a number as its value, and numbers as metrics.

    Raises:
        TypeError: something else.
        ValueError: a value that cannot be compared.
    """
    if not isinstance(score, Score):
        raise TypeError(f"an evaluator's score is a Score(value, metrics), got {score!r}")
    told: Score = score
    value = number("the value of a score", score.value)
    if not is_number(value):
        raise ValueError(f"the value is {value}: it is maximised, so it must be a number")
    if not isinstance(score.metrics, Mapping):
        raise TypeError(f"the metrics of a score are named numbers, got {score.metrics!r}")
    if not isinstance(score.failure, Failure | None):
        raise TypeError(f"the failure of a score is a Failure(kind, message) or None, got {score.failure!r}")
    if not all(type(name) is str and type(x) is float for name, x in score.metrics.items()):
        metrics = {str(name): number(f"the metric {name!r}", x) for name, x in score.metrics.items()}
        told = told._replace(metrics=metrics)
    return told if isinstance(told.value, Tensor) else told._replace(value=as_tensor(value))


def as_tensor(value: float) -> Tensor:
    """A value as a tensor, in double precision where it would be infinite in single."""
    large = torch.finfo(torch.get_default_dtype()).max < abs(value) < math.inf
    return torch.tensor(value, dtype=torch.float64 if large else None)


def failed(evaluator: Any, failure: Failure) -> Score:
    """The score of an evaluation that failed: the `chance` of its domain, what guessing is worth, or minus infinity."""
    while not hasattr(evaluator, "diverged") and hasattr(evaluator, "evaluator"):
        evaluator = evaluator.evaluator
    return Score(torch.tensor(float(getattr(evaluator, "diverged", -math.inf))), {"failed": 1.0}, failure)
