"""What one step of a first-order search costs: `appnas bench`."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch

from appnas import catalogue
from appnas.ascent import Gradient
from appnas.cost import saved_bytes
from appnas.relax import softmax
from appnas.search import search
from appnas.shared import Shared


class Step(NamedTuple):
    """A measured step.

    Attributes:
        parameters: weights of the supernet.
        saved: bytes that autograd keeps for the alpha step, the larger of the two.
        seconds: CPU seconds of a whole step (alpha and weights), median.
    """

    parameters: int
    saved: int
    seconds: float


def measure(space: str, sizes: Mapping[str, int], domain: str, batch: int, repeats: int) -> Step:
    """Measure a space's supernet on a domain's data.

    Args:
        space: name in the catalogue.
        sizes: values for those fields of the space that it has.
        domain: name in the catalogue.
        batch: examples a batch.
        repeats: timed steps, after one that is not.

    Raises:
        ValueError: an unknown name, or no step.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    sized = _replaced(catalogue.space_type(space)(), sizes)
    data = catalogue.domain(domain, _replaced(catalogue.source(domain).options, {"batch": batch}))
    evaluator = Shared(sized, data)
    strategy = Gradient(sized, torch.Generator().manual_seed(0), softmax)
    saved = saved_bytes(lambda: evaluator.score(strategy.ask()).value)
    times = []
    for _ in range(repeats + 1):
        start = time.process_time()
        search(strategy, evaluator, 1)
        times.append(time.process_time() - start)
    parameters = sum(weight.numel() for weight in evaluator.supernet.parameters())
    return Step(parameters, saved, statistics.median(times[1:]))


def _replaced(settings: Any, values: Mapping[str, int]) -> Any:
    """The dataclass with those of the values that it has a field for."""
    fields = {field.name for field in dataclasses.fields(settings)}
    return dataclasses.replace(settings, **{name: value for name, value in values.items() if name in fields})
