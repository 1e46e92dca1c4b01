"""Metrics of our own: counts of classes and labels, errors of numbers; each over a whole split.

Here are pure functions of sums, and the sums. Metrics by torchmetrics' names are in `torch_metrics`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from appnas.task import Metric

OWN: dict[str, tuple[Metric, tuple[str, ...]]] = {
    "accuracy": (Metric("accuracy", "%"), ("classes", "places")),
    "balanced_accuracy": (Metric("balanced_accuracy", "%"), ("classes", "places")),
    "macro_f1": (Metric("macro_f1", "%"), ("classes", "sets", "places")),
    "micro_f1": (Metric("micro_f1", "%"), ("sets",)),
    "mean_iou": (Metric("mean_iou", "%"), ("places",)),
    "r2": (Metric("r2"), ("numbers",)),
    "rmse": (Metric("rmse", higher=False), ("numbers",)),
    "mae": (Metric("mae", higher=False), ("numbers",)),
}
"""Name -> the metric, and the kinds that it is for. The numbers of `rmse` and `mae` are in the unit of y."""
DEFAULT = {"classes": "accuracy", "sets": "micro_f1", "places": "mean_iou", "numbers": "r2"}
"""Kind -> the metric, unless told."""
BESIDE = {
    "classes": ("accuracy", "balanced_accuracy"), "sets": ("micro_f1", "macro_f1"), "places": ("mean_iou", "accuracy"),
    "numbers": ("r2", "rmse", "mae"),
}  # fmt: skip
"""Kind -> metrics that are told beside any other."""


class Counts:
    """How often each class (or label of a set) was right, true and predicted.

    Shapes: right, true, predicted: [C], int64.
    """

    def __init__(self, classes: int, ignore: int = -100):
        self.classes, self.ignore = classes, ignore
        self.right, self.true, self.predicted = (torch.zeros(classes, dtype=torch.int64) for _ in range(3))

    def add(self, predicted: Tensor, y: Tensor) -> None:
        """Classes of any shape, of any number of examples; those of the class to ignore are left out."""
        kept = y != self.ignore
        predicted, y = predicted[kept].long(), y[kept].long()
        self.right += torch.bincount(y[predicted == y], minlength=self.classes)
        self.true += torch.bincount(y, minlength=self.classes)
        self.predicted += torch.bincount(predicted, minlength=self.classes)

    def add_sets(self, predicted: Tensor, y: Tensor) -> None:
        """Sets of labels; those that are NaN are left out. Shapes: [B, labels] each, of booleans, or 0 and 1."""
        known = ~y.flatten(1).isnan()
        predicted, y = (predicted.flatten(1) > 0) & known, y.flatten(1) > 0
        self.right += (predicted & y).sum(0)
        self.true += y.sum(0)
        self.predicted += predicted.sum(0)

    def found(self) -> dict[str, float]:
        """All metrics of counts, in percent."""
        return {
            "accuracy": 100 * int(self.right.sum()) / max(int(self.true.sum()), 1),
            "balanced_accuracy": 100 * _mean(self.right, self.true),
            "macro_f1": 100 * _mean(2 * self.right, self.true + self.predicted),
            "micro_f1": 200 * int(self.right.sum()) / max(int((self.true + self.predicted).sum()), 1),
            "mean_iou": 100 * _mean(self.right, self.true + self.predicted - self.right),
        }


def _mean(part: Tensor, whole: Tensor) -> float:
    """The mean of shares, over what there is."""
    kept = whole > 0
    return float((part[kept].double() / whole[kept]).mean()) if bool(kept.any()) else 0.0


class Errors:
    """Sums of errors of numbers, and of the numbers themselves around a middle, in double precision.

    Of many targets [N, T] R2 is the mean of theirs; of maps [N, ...] all numbers are one target. It is 0 where the
    truth never changes.

    Args:
        middle: roughly the mean of the truth, [T] or [1].
    """

    def __init__(self, middle: Tensor):
        self.middle = middle.double()
        self.count = 0
        self.squares, self.first, self.second = (torch.zeros_like(self.middle) for _ in range(3))
        self.absolute = 0.0

    def add(self, outputs: Tensor, y: Tensor) -> None:
        """Predictions and truth. Shapes: [B, T] or [B, ...] each."""
        flat = (x.double().reshape(-1, len(self.middle)) for x in (outputs, y))
        predicted, true = flat
        around = true - self.middle
        self.count += len(true)
        self.squares += (predicted - true).square().sum(0)
        self.absolute += float((predicted - true).abs().sum())
        self.first, self.second = self.first + around.sum(0), self.second + around.square().sum(0)

    def found(self) -> dict[str, float]:
        """R2, and the errors in the unit of the numbers."""
        spread = self.second - self.first.square() / self.count
        varies = spread > 1e-12 * self.second
        parts = torch.where(varies, 1 - self.squares / torch.where(varies, spread, 1), (self.squares == 0).double())
        n = self.count * len(self.middle)
        rmse = math.sqrt(float(self.squares.sum()) / n)
        return {"r2": float(parts.mean()), "rmse": rmse, "mae": self.absolute / n}


Reduce = Callable[[Tensor], Tensor]


def predicted_classes(outputs: Tensor) -> Tensor:
    """The likeliest class. Shapes: [B, C, ...] -> [B, ...]."""
    return outputs.argmax(1)


def predicted_sets(probabilities: bool) -> Reduce:
    """Outputs -> which labels are in the set: those with a score above 0, or a probability above a half."""
    middle = 0.5 if probabilities else 0.0
    return lambda outputs: outputs > middle
