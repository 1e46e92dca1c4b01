"""What is to be predicted on graphs: classes, sets of labels or numbers, of nodes, of edges or of whole graphs.

    y                                      what it is
    integers, texts, booleans, one-hot     classes
    0 and 1 [n, labels]                    sets of labels
    floats [n], [n, T]                     numbers; whole floats of at most 20 different values are classes

A row that is NaN has no label, nor has -1 where 0 is a class: such examples are in no split. Single labels of a set may
be NaN: of an example the loss is the mean over those that are known, and metrics count these alone; a loss or metric of
one's own is given the NaN.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from appnas.domains.labelled.losses import LOSSES
from appnas.domains.labelled.targets import EACH, FEW, Task
from appnas.domains.labels import LabelNote, as_classes


class Targets(NamedTuple):
    """What is predicted, and the targets of every split's graphs.

    Shapes: y: int64 [n] of classes; float32 [n, labels] of sets, [n, T] of numbers.
    """

    task: Task
    y: dict[str, list[Tensor]]


def labelled(y: Tensor) -> Tensor:
    """Which rows have a label. Shapes: y [n] or [n, T]; returns [n] of bool."""
    if y.is_floating_point():
        known: Tensor = ~y.isnan().flatten(1).all(1) if y.dim() == 2 else ~y.isnan()
        return known
    unlabelled = y == -1
    if y.dim() > 1 or not unlabelled.any() or not (y == 0).any() or int(y.min()) < -1:
        return torch.ones(len(y), dtype=torch.bool)
    return ~unlabelled


def note_unlabelled(count: int, of: int, what: str) -> None:
    """Say how many examples have no label."""
    if count:
        warnings.warn(
            f"{count} of {of} {what} have no label (-1 or NaN): they are in no split", LabelNote, stacklevel=4
        )


def targets_of(y: dict[str, list[Tensor]], loss: str | None, names: Sequence[Any] = ()) -> Targets:
    """What targets are, by all of them, and as losses have them.

    Args:
        y: split -> of its graphs, [n] or [n, T] each.
        loss: name of one of torch's, which says what they are; None to find out.
        names: of the classes, where these were no numbers.

    Raises:
        ValueError: what can be read in two ways, or does not go with the loss; see `as_classes`.
    """
    parts = [part for some in y.values() for part in some]
    every = torch.cat(parts)
    family = LOSSES[loss] if loss else _kind(every)
    if family == "classes":
        found, known = _classes(every[:, 0] if every.dim() == 2 and every.shape[1] == 1 else every)
        task = Task("classes", (len(names or known),), tuple(names or known))
        if task.outputs[0] < 2:
            raise ValueError(f"all examples are of class {task.names[0]}: there is nothing to tell apart")
    else:
        found = every.float() if every.dim() == 2 else every.float()[:, None]
        unknown = found.isnan() if family == "sets" else torch.zeros_like(found).bool()
        if not torch.isfinite(found[~unknown]).all():
            bad = int((~torch.isfinite(found)).any(1).sum())
            raise ValueError(
                f"{bad} of {len(found)} rows of y hold NaN beside numbers, or infinity: a row without a label is NaN as"
                " a whole"
            )
        if family == "sets" and not ((found == 0) | (found == 1) | unknown).all():
            there = found[~unknown]
            raise ValueError(f"sets of labels hold 0 and 1, or NaN if unknown, found {there.min()} to {there.max()}")
        if count := int(unknown.sum()):
            warnings.warn(f"{count} of {found.numel()} labels are not known (NaN): loss and metrics leave them out",
                          LabelNote, stacklevel=4)  # fmt: skip
        task = Task(family, tuple(found.shape[1:]), partial=count > 0)
    cut = iter(torch.split(found, [len(part) for part in parts]))
    return Targets(task, {split: [next(cut) for _ in some] for split, some in y.items()})


def _kind(every: Tensor) -> str:
    if every.dim() == 2:
        unknown = every.isnan()
        if ((every == 0) | (every == 1) | unknown).all() and not unknown.all():
            return "classes" if every.shape[1] > 1 and bool((every.sum(1) == 1).all()) else "sets"
        return _kind(every[:, 0]) if every.shape[1] == 1 else "numbers"
    different = len(torch.unique(every))
    if every.is_floating_point():
        return "numbers" if bool((every != every.round()).any()) or different > FEW else "classes"
    if different > FEW and EACH * different > len(every):
        raise ValueError(
            f"labels: {len(every)} integers of {different} different values can be read in more than one way: give"
            " loss='cross_entropy' for classes, loss='mse_loss' for numbers"
        )
    return "classes"


def _classes(every: Tensor) -> tuple[Tensor, tuple[Any, ...]]:
    """Classes from 0, and their names; of numbers with gaps, in their order."""
    present = torch.unique(every)
    gaps = every.dim() == 1 and not every.is_floating_point() and 2 * len(present) <= int(present[-1])
    if not (gaps and int(present[0]) == 0):
        return as_classes(every, "labels")
    warnings.warn(
        f"labels: {len(present)} of the integers 0 to {int(present[-1])} became the classes 0 to {len(present) - 1} in"
        " their order; `labels` has them",
        LabelNote,
        stacklevel=5,
    )
    return torch.searchsorted(present, every), tuple(present.tolist())


def chance_of(task: Task, y: dict[str, Tensor]) -> float:
    """What guessing is worth in percent: accuracy, or the micro-F1 of guessing everything true.

    A warning tells of classes, or labels, without a training example.

    Args:
        task: classes or sets.
        y: of every split.
    """
    if task.kind == "classes":
        counts = torch.bincount(y["train"], minlength=task.outputs[0])
        chance = 100 / task.outputs[0]
    else:
        counts, share = y["train"].nansum(0), float(torch.cat(list(y.values())).nanmean())
        chance = 200 * share / (1 + share)
    if bare := (counts == 0).nonzero().flatten().tolist():
        warnings.warn(
            f"{len(bare)} of {len(counts)} classes have no training example, and cannot be learnt: {bare[:10]}",
            LabelNote,
            stacklevel=4,
        )
    return chance
