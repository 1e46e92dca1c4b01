"""What a task is learned and measured by: the loss with its weights and scale, the metric, what guessing is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from appnas.compute import CPU
from appnas.domains.labelled.losses import LOSSES, SCALED, Given, Loss, each_example, loss_name, weights_of
from appnas.domains.labelled.metrics import Measure
from appnas.domains.labelled.targets import Task
from appnas.domains.trying import try_loss
from appnas.support.plain import code_of
from appnas.task import Metric

NAMED = {"classes": "cross_entropy", "places": "cross_entropy", "sets": "binary_cross_entropy_with_logits",
         "numbers": "mse_loss"}  # fmt: skip
"""Kind -> the loss, unless told."""
PASS = 500
"""Examples that guessing is measured on at once."""


class Wishes(NamedTuple):
    """What users say of a loss and a metric; see `appnas.domains.labelled.Labelled` for each."""

    loss: Given = None
    metric: Any = None
    higher: bool | None = None
    unit: str = ""
    weights: Any = None


class Goal:
    """Loss and metric of a task.

    Args:
        task: what is predicted.
        wishes: loss, metric and weights.
        options: with `ignore`, `smoothing` and `standardise`, as far as they have them.
        y: training targets, or a sample of them; None if none is known before it is read.
        all_known: whether they are all.
        beside: names of the metrics told beside the task's own; None for the usual ones.

    Raises:
        ImportError, TypeError, ValueError: see the class named above.
    """

    def __init__(
        self, task: Task, wishes: Wishes, options: Any, y: Tensor | None, all_known: bool = True,
        beside: tuple[str, ...] | None = None,
    ):  # fmt: skip
        self.task, given, self.wished = task, wishes.loss, wishes.metric
        self.code = code_of(given if callable(given) else None), code_of(self.wished)  # before objects are called
        own = given if callable(given) and not isinstance(given, type) else None
        name = None if own else loss_name(given) or NAMED[task.kind]
        family = LOSSES[name] if name else task.kind
        count = int(torch.tensor(task.outputs).prod()) if family == "sets" else task.outputs[0]
        weights = weights_of(wishes.weights, y if all_known else None, family, count, name, task.ignore)
        weights = weights.view(task.outputs) if weights is not None and family == "sets" else weights
        if task.partial and name == "multilabel_soft_margin_loss":
            raise ValueError(f"{name} is of all labels of a set, and some of y are NaN: {NAMED['sets']} is the same of"
                             " each label")  # fmt: skip
        self.loss = Loss(name, own, weights, task.ignore, options.smoothing, task.partial and own is None)
        self.middle, self.spread = torch.zeros(()), torch.ones(())
        self.standardised = name in SCALED and getattr(options, "standardise", False) and y is not None
        if self.standardised:
            assert y is not None
            self.middle, self.spread = _scale(y)
        if own and y is not None:
            two = self.standard(y[:2]).to(CPU)
            guess, found = try_loss(own, task.outputs, two)
            each_example(found, guess, two)
        if self.counts and y is not None and float(y.min()) < 0:
            raise ValueError(f"poisson_nll_loss is for counts, numbers of at least 0, found {float(y.min()):.6g} in y")
        middle = _scale(y)[0].flatten() if task.kind == "numbers" and y is not None else None
        self.measure = Measure(task, wishes.metric, wishes.higher, wishes.unit, self.probabilities, middle, beside)

    @property
    def metric(self) -> Metric:
        """Name, unit and direction."""
        return self.measure.metric

    @property
    def probabilities(self) -> bool:
        """Whether networks give probabilities, not scores."""
        return self.loss.name == "binary_cross_entropy"

    @property
    def counts(self) -> bool:
        """Whether networks give logarithms of counts."""
        return self.loss.name == "poisson_nll_loss"

    def losses(self, out: Any, y: Tensor, auxiliary: float = 0.0) -> Tensor:
        """The loss of every example in training, with the auxiliary head's if there is one. Shapes: returns [B]."""
        outputs, extra = out if isinstance(out, tuple) else (out, None)
        if extra is not None and getattr(extra, "shape", None) != outputs.shape:
            got = getattr(extra, "shape", type(extra).__name__)
            raise ValueError(
                f"the network gives {tuple(outputs.shape)} and, beside it, {got}: a second output is an auxiliary"
                " head's, as large as the first, and its loss is added; return the scores alone"
            )
        goal = self.standard(y)
        loss = self.loss(outputs, goal)
        return loss if extra is None else loss + auxiliary * self.loss(extra, goal)

    def standard(self, y: Tensor) -> Tensor:
        """Targets as the loss has them."""
        return (y - self.middle.to(y.device)) / self.spread.to(y.device) if self.standardised else y

    def in_unit(self, outputs: Tensor) -> Tensor:
        """Outputs in the unit of y; those under the loss of Poisson are logarithms."""
        if self.counts:
            return outputs.exp()
        return (
            outputs * self.spread.to(outputs.device) + self.middle.to(outputs.device) if self.standardised else outputs
        )

    def said(self) -> str:
        """Loss and metric, if they are not the usual ones: what a checkpoint and a history depend on."""
        (own, wished), higher = self.code, self.metric.higher
        name = self.loss.name or own
        loss = "" if name == NAMED[self.task.kind] else f" {name}"
        return f"{loss} by {wished} {higher}" if self.wished is not None else loss

    def described(self) -> dict[str, Any]:
        """For users of an exported network: what is done to its outputs, and what the classes are called."""
        if self.standardised:
            scale = {"mean": self.middle.flatten().tolist(), "std": self.spread.flatten().tolist()}
            return {"outputs": {**scale, "code": ["y = outputs * std + mean"]}}
        if self.counts:
            return {"outputs": {"code": ["y = outputs.exp()"]}}
        names = self.task.names
        return {"labels": list(names)} if names and names != tuple(range(len(names))) else {}

    def value(self, found: Mapping[str, float]) -> float:
        """What is maximised, of what was measured."""
        return self.metric.value(found[self.metric.name])

    @torch.no_grad()
    def chance(self, y: Tensor, held: Tensor) -> float:
        """What the best constant prediction is worth in validation: the training data's frequencies, or their mean.

        Args:
            y: training targets.
            held: validation targets.
        """
        guess, meter = self._guess(y.to(CPU)), self.measure.started()
        for part in torch.split(held.to(CPU), PASS):
            meter.add(guess.expand(len(part), *guess.shape), part)
        return self.value(meter.found())

    def _guess(self, y: Tensor) -> Tensor:
        task = self.task
        if task.kind == "numbers":
            return _scale(y)[0].expand(task.outputs)
        if task.kind == "sets":
            share = y.nanmean(0).nan_to_num(0.5).clamp(1e-6, 1 - 1e-6)
            return share if self.probabilities else share.logit()
        counts = torch.bincount(y[y != task.ignore].flatten(), minlength=task.outputs[0])
        return (counts + 1e-6).log().view(-1, *[1] * (len(task.outputs) - 1)).expand(task.outputs)


def _scale(y: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of numbers: of every target [N, T], of all numbers of maps [N, ...]; a deviation of 0 is 1."""
    wide = y.double() if y.dim() == 2 else y.double().flatten()
    middle, spread = wide.mean(0), wide.std(0, correction=0)
    return middle.float(), torch.where(spread > 0, spread, torch.ones_like(spread)).float()
