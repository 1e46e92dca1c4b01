"""What is measured of a network over a whole split: the task's metric under its name, those beside it, and the loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from appnas.domains.labelled.metrics import torch_metrics
from appnas.domains.labelled.metrics.own import BESIDE, DEFAULT, OWN, Counts, Errors, predicted_classes, predicted_sets
from appnas.domains.labelled.targets import Task
from appnas.domains.trying import in_order, told
from appnas.support import number
from appnas.task import Metric

HELD = 64 * 2**20
"""Bytes of outputs that stay on a device until they are counted."""


class Measure:
    """How outputs become numbers.

    Args:
        task: what is predicted.
        given: a name of ours or of torchmetrics', one of its metrics, a function (outputs, targets) -> number, or None
            for the kind's own.
        higher: whether more is better, where that is not known.
        unit: of the metric.
        probabilities: whether networks give probabilities of labels, not scores.
        middle: mean of training numbers, [T] or [1].
        beside: names of our metrics that are told beside it; by default the kind's usual ones.

    Raises:
        ImportError: see `torch_metrics.made`.
        TypeError: neither a name nor a function.
        ValueError: no such metric, or one of an unknown direction.
    """

    def __init__(
        self, task: Task, given: Any = None, higher: bool | None = None, unit: str = "", probabilities: bool = False,
        middle: Tensor | None = None, beside: tuple[str, ...] | None = None,
    ):  # fmt: skip
        self.task, self.probabilities, self.middle, self.own = task, probabilities, middle, given
        known: bool | None
        if given is None or (isinstance(given, str) and task.kind in OWN.get(given, (None, ()))[1]):
            name = given or DEFAULT[task.kind]
            self.own, self.metric = None, OWN[name][0]
            known, unit = self.metric.higher, unit or self.metric.unit
        else:
            if isinstance(given, str):
                self.own = torch_metrics.made(given, task)
            elif not callable(given) or isinstance(given, type):
                right = f"metric={given.__name__!r}" if isinstance(given, type) else "metric='MulticlassF1Score'"
                raise TypeError(f"metric is a name, or a function (outputs, targets) -> number, got {given!r}: {right}")
            name = given if isinstance(given, str) else _name(given)
            known = getattr(self.own, "higher_is_better", None)
            if higher is None and known is None:
                raise ValueError(
                    f"whether more is better of the metric {name} must be said: higher=True, or higher=False"
                )
            if task.partial and torch_metrics.is_one(self.own):
                torch_metrics.leaves_out(self.own, name)
            if self.own is given and not torch_metrics.is_one(given):
                in_order(given, "metric")
        if None not in (higher, known) and bool(higher) != bool(known):
            raise ValueError(
                f"of the metric {name} {'more' if known else 'less'} is better, got higher={higher}: leave that out;"
                " it is for metrics of your own"
            )
        self.metric = Metric(name, unit, bool(known if higher is None else higher))
        self.names = tuple(dict.fromkeys([name, *(BESIDE[task.kind] if beside is None else beside)]))

    def started(self) -> Meter:
        """An empty meter."""
        return Meter(self)


class Meter:
    """Outputs of a split, taken in batch by batch where they are, and counted on the CPU in larger pieces."""

    def __init__(self, measure: Measure):
        self.measure, self.waiting = measure, []  # type: Measure, list[tuple[Tensor, Tensor]]
        self.bytes, task = 0, measure.task
        self.sums: Counts | Errors | None
        if task.kind == "numbers":
            self.sums = Errors(torch.zeros(1) if measure.middle is None else measure.middle)
        else:
            self.sums = Counts(task.outputs[0] if task.kind != "sets" else math.prod(task.outputs), task.ignore)
        own = measure.own
        self.torch = torch_metrics.fresh(own, task) if torch_metrics.is_one(own) else None
        self.kept: list[tuple[Tensor, Tensor]] | None = [] if own is not None and self.torch is None else None
        self.reduce: Callable[[Tensor], Tensor] = (
            predicted_sets(measure.probabilities) if task.kind == "sets" else predicted_classes
        )

    def add(self, outputs: Tensor, y: Tensor) -> None:
        """A batch, in the unit of y. Shapes: [B, *outputs], and [B] or [B, ...]."""
        if self.measure.own is None and self.measure.task.kind != "numbers":
            outputs = self.reduce(outputs)
        self.waiting.append((outputs, y))
        self.bytes += outputs.nbytes
        if self.bytes > HELD:
            self._count()

    def _count(self) -> None:
        if not self.waiting:
            return
        outputs, y = (torch.cat(parts) for parts in zip(*self.waiting, strict=True))
        together = outputs.shape == y.shape and outputs.dtype == y.dtype  # then in one transfer
        outputs, y = torch.stack([outputs, y]).cpu().unbind() if together else (outputs.cpu(), y.cpu())
        self.waiting, self.bytes = [], 0
        if self.kept is not None:
            self.kept.append((outputs, y))
        if self.torch is not None:
            name = self.measure.metric.name
            found = torch_metrics.given(self.measure.task, self.measure.probabilities, name)(outputs, y)
            with told(f"the metric {name}", outputs.shape, y):
                self.torch.update(*found)
        if isinstance(self.sums, Errors):
            self.sums.add(outputs, y)
        elif self.sums is not None:
            if self.measure.own is not None:
                outputs = self.reduce(outputs)
            (self.sums.add_sets if self.measure.task.kind == "sets" else self.sums.add)(outputs, y)

    def found(self) -> dict[str, float]:
        """All metrics, the task's first.

        Raises:
            TypeError: one's own gives no number.
        """
        self._count()
        assert self.sums is not None
        metrics, name = self.sums.found(), self.measure.metric.name
        if self.torch is not None:
            metrics[name] = torch_metrics.value_of(self.torch, name)
        elif self.kept is not None:
            outputs, y = (torch.cat(parts) for parts in zip(*self.kept, strict=True))
            with told(f"the metric {name}", outputs.shape, y):
                found = self.measure.own(outputs, y)
            metrics[name] = _number(name, found)
        return {name: metrics[name] for name in self.measure.names}


def _number(name: str, found: Any) -> float:
    if isinstance(found, Tensor) and found.numel() != 1:
        raise TypeError(f"the metric {name} must be a number for all examples, got one of shape {list(found.shape)}")
    return number(f"the metric {name}", found)


def _name(given: Any) -> str:
    """What one's own metric is called: a function's name, or its class's."""
    name = getattr(given, "__name__", "") or getattr(getattr(given, "func", None), "__name__", "")
    name = name or type(given).__name__
    return "metric" if name == "<lambda>" else name
