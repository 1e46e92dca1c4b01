"""Metrics by torchmetrics' names, with the arguments that are known filled in, and what they want to be given."""

from __future__ import annotations

import copy
import difflib
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from appnas.domains.data_files import missing
from appnas.domains.labelled.metrics.own import OWN
from appnas.domains.labelled.targets import WORDS, Task

PLACES = ("torchmetrics", "torchmetrics.classification", "torchmetrics.regression", "torchmetrics.segmentation")
UNKNOWN = -1
"""What torchmetrics is given for a label that is not known."""
TASKS = {"classes": "multiclass", "places": "multiclass", "sets": "multilabel"}


def made(name: str, task: Task) -> Any:
    """A metric of torchmetrics for a task.

    Raises:
        ImportError: torchmetrics is not installed.
        ValueError: it has none of that name, with near ones; or that needs an argument that is not known.
    """
    own = [key for key, (_, kinds) in OWN.items() if task.kind in kinds]
    if name in OWN:
        kinds = " or ".join(WORDS[kind] for kind in OWN[name][1])
        raise ValueError(f"the metric {name} is for {kinds}, and for {WORDS[task.kind]} are {', '.join(own)}")
    try:
        rooms = [importlib.import_module(place) for place in PLACES]
    except ImportError as error:
        raise missing("torchmetrics", "metrics") from error
    known: dict[str, Any] = {}
    for room in rooms:
        known |= {key: value for key, value in vars(room).items() if isinstance(value, type) and key not in known}
    if name not in known:
        bare = {key.lower(): key for key in [*known, *own]}
        close = difflib.get_close_matches(name.lower(), bare, 3, 0.5)
        near = [bare[key] for key in close or [key for key in bare if name.lower() in key][:3]]
        raise ValueError(
            f"there is no metric {name!r}: {', '.join(near) or 'torchmetrics has none that is like it'}"
            f"{' are near it' if len(near) > 1 else ''}; of our own are {', '.join(own)}; any other is a function"
            " metric=lambda outputs, targets: ..."
        )
    kind = known[name]
    _fits(name, kind, task)
    try:
        return kind(**_arguments(kind, task))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"torchmetrics' {name} cannot be made by its name alone: {error}; give one, metric={name}(...)"
        ) from error


def _fits(name: str, kind: Any, task: Task) -> None:
    """Check that a metric is for what is predicted, as far as its name or its arguments tell.

    Raises:
        ValueError: it is not.
    """
    count, takes = task.outputs[0], inspect.signature(kind).parameters
    fits = {
        "Binary": (task.kind in ("classes", "places") and count == 2) or (task.kind == "sets" and task.outputs == (1,)),
        "Multiclass": task.kind in ("classes", "places"), "Multilabel": task.kind == "sets" and task.outputs != (1,),
    }  # fmt: skip
    first = next((first for first in fits if name.startswith(first)), "")
    if (first and not fits[first]) or (task.kind == "numbers" and "task" in takes):
        words = {"Binary": "two classes", "Multiclass": "classes", "Multilabel": "sets of labels", "": "classes"}
        got = f"{count} classes" if task.kind in ("classes", "places") else WORDS[task.kind]
        right = {"classes": "Multiclass", "places": "Multiclass", "sets": "Multilabel"}.get(task.kind)
        right = f", take {right}{name.removeprefix(first)}" if right and first else ""
        raise ValueError(f"torchmetrics' {name} is for {words[first]}, and y are {got}{right}")


def _arguments(kind: Any, task: Task) -> dict[str, Any]:
    """What a class of torchmetrics is made with, of what is known."""
    single = task.kind == "sets" and task.outputs == (1,)
    count = task.outputs[0]
    known = {
        "task": "binary" if single else TASKS.get(task.kind), "num_classes": count, "input_format": "index",
        "num_labels": count, "ignore_index": task.ignore,
    }  # fmt: skip
    takes = inspect.signature(kind).parameters
    unfit = {"sets": {"num_classes", "ignore_index"}, "numbers": set(known)}.get(task.kind, {"num_labels"})
    if task.kind == "classes":
        unfit = unfit | {"ignore_index"}
    if task.partial:
        known["ignore_index"], unfit = UNKNOWN, unfit - {"ignore_index"}
    return {key: value for key, value in known.items() if key in takes and key not in unfit and value is not None}


def leaves_out(metric: Any, name: str) -> None:
    """Check that labels that are not known count for nothing in a metric.

    Raises:
        ValueError: they would.
    """
    if getattr(metric, "ignore_index", None) != UNKNOWN:
        raise ValueError(
            f"some labels of y are NaN, not known, and torchmetrics' {name} counts all: give one made with"
            f" ignore_index={UNKNOWN}, MultilabelAUROC(num_labels=..., ignore_index={UNKNOWN}) say, or 'macro_f1'"
        )


def is_one(metric: Any) -> bool:
    """Whether it is a metric of torchmetrics, not merely a function."""
    return all(hasattr(metric, name) for name in ("update", "compute", "reset", "higher_is_better"))


def fresh(metric: Any, task: Task) -> Any:
    """A copy that has seen nothing; of numbers in double precision, as sums of their squares need it."""
    other = copy.deepcopy(metric)
    other.reset()
    if task.kind == "numbers":
        other.set_dtype(torch.float64)
    return other


def given(task: Task, probabilities: bool, name: str) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Outputs and targets -> what torchmetrics takes: probabilities and classes, or numbers."""

    def of(outputs: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        if task.kind == "numbers":
            outputs, y = outputs.double(), y.double()
            return (outputs[:, 0], y[:, 0]) if task.outputs == (1,) else (outputs, y)
        if task.kind == "sets":
            found = outputs if probabilities else outputs.double().sigmoid()
            labels = y.nan_to_num(UNKNOWN).long() if task.partial else y.long()
            return (found[:, 0], labels[:, 0]) if task.outputs == (1,) else (found, labels)
        if name in ("MeanIoU", "DiceScore", "GeneralizedDiceScore", "HausdorffDistance"):  # which take classes
            if bool((y == task.ignore).any()):
                raise ValueError(
                    f"torchmetrics' {name} counts every place, and y has some of the class to ignore, {task.ignore}:"
                    " take metric='mean_iou' or 'MulticlassJaccardIndex'"
                )
            return outputs.argmax(1), y
        found = outputs.double().softmax(1)
        return (found[:, 1], y) if name.startswith("Binary") and task.outputs[0] == 2 else (found, y)

    return of


def value_of(metric: Any, name: str) -> float:
    """What a metric has found.

    Raises:
        ValueError: several numbers.
    """
    found = metric.compute()
    if not isinstance(found, Tensor) or found.numel() != 1:
        got = f"{found.numel()} numbers" if isinstance(found, Tensor) else type(found).__name__
        raise ValueError(
            f"a metric is one number, torchmetrics' {name} gives {got}: give one that averages, metric={name}(...,"
            " average='macro')"
        )
    return float(found.to(torch.float64))
