"""What is to be predicted, found out by looking at it: classes, sets of labels, numbers, or one of these a place.

    y                                     what it is                outputs
    integers, texts, booleans [N]         classes                   [classes]
    one-hot rows [N, classes]             classes (with a note)     [classes]
    0 and 1 [N, labels]                   sets of labels            [labels]
    floats [N] or [N, T]                  numbers                   [1] or [T]
    floats [N, ...]                       maps of numbers           [...]
    integers [N, H, W] or more axes       a class a place           [classes, H, W]
    integers [N, T], outputs=(C, T)       a class a moment          [C, T]

What can be read in two ways is refused with the two values of `loss` that tell them apart.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from appnas.domains.labelled.losses import LOSSES
from appnas.domains.labels import as_classes
from appnas.domains.tensors import from_array, single, unmasked
from appnas.support import typed

FEW, EACH = 20, 5
"""Whole floats of at most so many values may be classes. Integers of more may be numbers, if each value is there fewer
than so many times on average."""


class Task(NamedTuple):
    """What is predicted.

    Attributes:
        kind: "classes", "sets", "numbers" or "places" (a class a place).
        outputs: what a network gives for one example.
        names: of the classes or, if there is such, of the labels of a set; empty for numbers.
        ignore: class of places that are not counted.
        partial: whether labels of a set may be NaN, not known, which then count neither in the loss nor in metrics.
    """

    kind: str
    outputs: tuple[int, ...]
    names: tuple[Any, ...] = ()
    ignore: int = -100
    partial: bool = False


def task_of(
    y: Any, loss: str | None, outputs: tuple[int, ...] | None, classes: int | None = None, ignore: int = -100
) -> tuple[Task, Tensor]:
    """What training targets are, and themselves as tensors.

    Args:
        y: of the training examples.
        loss: name of one of torch's, which says what they are; None to find out.
        outputs: what a network gives for one example, if it is known.
        classes: number of classes, if it is known.
        ignore: class of places that are not counted.

    Raises:
        ValueError: what can be read in two ways, or is none of all this; outputs that do not go with it.
    """
    what = "training labels"
    if outputs is not None:
        typed("outputs", tuple[int, ...], outputs)
    if classes is not None:
        typed("classes", int, classes)
    raw = y if _plain(y) else None
    kind = _by_loss(raw, loss) if loss else _guess(raw, outputs, what)
    if classes is not None and kind in ("sets", "numbers"):
        raise ValueError(f"{what} are {WORDS[kind]}, where classes={classes} says that they are classes: leave it out")
    if outputs == (1,) and kind == "classes":
        raise ValueError(
            f"{what}: classes have an output each, got outputs=(1,): leave it out; one score for two classes is"
            " loss='binary_cross_entropy_with_logits'"
        )
    if kind == "classes":
        count = outputs[0] if outputs and len(outputs) == 1 else classes
        found, names = as_classes(y, what, count)
        task = Task(kind, (len(names),), names, ignore)
    else:
        found = _array(y, what)
        if kind in ("sets", "numbers"):
            task = Task(kind, tuple(found.shape[1:]) or (1,), (), ignore)
        else:
            found = _without_channel(found)
            count = (outputs[0] if outputs else classes) or _count(found, ignore, what)
            task = Task(kind, (count, *found.shape[1:]), tuple(range(count)), ignore)
        found = as_targets(y, what, task)
    if outputs is not None and tuple(outputs) != task.outputs:
        raise ValueError(
            f"{what} of the shape {_shape(y)} are {WORDS[kind]}, for which a network gives {task.outputs} an example;"
            f" outputs={tuple(outputs)} does not go with that: leave it out, or give loss=... that says what they are"
        )
    if kind in ("classes", "places") and task.outputs[0] < 2:
        raise ValueError(f"{what}: all are of class {task.names[0]!r}; two classes are the least")
    return task, found


WORDS = {"classes": "classes", "sets": "sets of labels", "numbers": "numbers", "places": "a class for every place"}


def as_targets(y: Any, what: str, task: Task) -> Tensor:
    """Targets of any part of the data as those of the training data were read.

    Shapes: returns [N] of classes, [N, ...] of others: int64 for classes, else float32.

    Raises:
        ValueError: what does not fit.
    """
    if task.kind == "classes":
        return as_classes(y, what, names=task.names)[0]
    found = _array(y, what)
    wanted = task.outputs[1:] if task.kind == "places" else task.outputs
    if task.kind == "places" and found.dim() == len(wanted) + 2:
        found = _without_channel(found)
    if found.dim() == 1 and wanted == (1,):
        found = found[:, None]
    if tuple(found.shape[1:]) != wanted:
        raise ValueError(f"{what}: {list(wanted)} for each example is what training has, got {list(found.shape[1:])}")
    return {"numbers": _as_numbers, "sets": _as_sets, "places": _as_places}[task.kind](found, what, task)


def _as_numbers(found: Tensor, what: str, task: Task) -> Tensor:
    if not torch.isfinite(found.float()).all():
        bad = int((~torch.isfinite(found.float())).flatten(1).any(1).sum())
        raise ValueError(
            f"{what}: {bad} of {len(found)} hold NaN or infinity: keep = numpy.isfinite(y); x, y = x[keep], y[keep]"
        )
    return single(found, what)


def _as_sets(found: Tensor, what: str, task: Task) -> Tensor:
    if not ((found == 0) | (found == 1)).all():
        raise ValueError(f"{what}: sets of labels hold 0 and 1 only, found {found.min()} to {found.max()}")
    return found.float()


def _as_places(found: Tensor, what: str, task: Task) -> Tensor:
    if found.is_floating_point() and not (found == found.round()).all():
        raise ValueError(f"{what}: a class for every place is an integer, got floats that are not whole")
    found = found.long()
    counted = found[found != task.ignore]
    if counted.numel() and not 0 <= int(counted.min()) <= int(counted.max()) < task.outputs[0]:
        raise ValueError(
            f"{what}: classes must be 0 to {task.outputs[0] - 1}, found {int(counted.min())} to {int(counted.max())};"
            " a class that marks what is not counted is Options(ignore=...)"
        )
    return found


def _plain(y: Any) -> bool:
    """Whether labels are numbers, so that their values tell what they are."""
    kind = getattr(getattr(y, "dtype", None), "kind", None)
    return isinstance(y, Tensor) or (kind or getattr(_try(y), "dtype", np.dtype("O")).kind) in "iufb"


def _try(y: Any) -> Any:
    try:
        return np.asarray(y)
    except ValueError:
        return None


def _array(y: Any, what: str) -> Tensor:
    if isinstance(y, Tensor):
        found = y.detach()
    else:
        unmasked(y, what)
        array = _try(y)
        if array is None or array.dtype.kind not in "iufb":
            kind = "rows of different lengths" if array is None else array.dtype
            raise ValueError(f"{what}: they are numbers of one shape each, got {kind}")
        found = from_array(array)
    if not found.dim() or not found.numel():
        raise ValueError(f"{what}: there is none, got the shape {tuple(found.shape)}")
    return found


def _without_channel(found: Tensor) -> Tensor:
    """Maps of classes [N, 1, H, W], as images are stored, without the axis of one channel."""
    return found[:, 0] if found.dim() > 3 and found.shape[1] == 1 else found


def _shape(y: Any) -> tuple[int, ...]:
    return tuple(np.shape(y)) if not isinstance(y, Tensor) else tuple(y.shape)


def _by_loss(y: Any, loss: str) -> str:
    family = LOSSES[loss]
    if family != "classes" or y is None:
        return family
    found = _array(y, "training labels")
    one_hot = found.dim() == 2 and found.shape[1] > 1 and _zeros_and_ones(found) and bool((found.sum(1) == 1).all())
    return "classes" if found.dim() == 1 or found.shape[1:] == (1,) or one_hot else "places"


def _guess(y: Any, outputs: tuple[int, ...] | None, what: str) -> str:
    """What targets are by their values."""
    if y is None:
        return "classes"
    found = _array(y, what)
    if outputs and len(outputs) > 1 and found.dim() == len(outputs) and found.shape[1:] == outputs[1:]:
        if not found.is_floating_point():
            return "places"
    if found.dim() == 1 or found.shape[1:] == (1,):
        return _guess_single(found, outputs, what)
    if found.dim() == 2:
        return _guess_rows(found, outputs, what)
    if found.is_floating_point():
        if _zeros_and_ones(found):
            readings = {"cross_entropy": "a class a place", "mse_loss": "maps of numbers"}
            readings["binary_cross_entropy_with_logits"] = "maps of yes and no"
            raise _two(what, f"floats 0 and 1 {list(found.shape)}", readings)
        return "numbers"
    return "places"


def _guess_single(found: Tensor, outputs: tuple[int, ...] | None, what: str) -> str:
    many = len(torch.unique(found))
    readings = {"cross_entropy": "classes", "mse_loss": "numbers"}
    if found.is_floating_point():
        whole = bool((found == found.round()).all()) and many <= FEW
        if whole and outputs != (1,) and (outputs is None or len(outputs) > 1 or many <= outputs[0]):
            raise _two(what, f"whole floats of {many} different values", readings)
        return "numbers"
    if many > FEW and EACH * many > len(found) and outputs is None:
        raise _two(what, f"{len(found)} integers of {many} different values", readings)
    if outputs == (1,):
        if many == 2:
            yes = {"binary_cross_entropy_with_logits": "the score of the larger one"}
            raise _two(what, "integers of 2 different values with one output", {**yes, "mse_loss": "numbers"})
        return "numbers"
    return "classes"


def _guess_rows(found: Tensor, outputs: tuple[int, ...] | None, what: str) -> str:
    if _zeros_and_ones(found):
        return "classes" if bool((found.sum(1) == 1).all()) else "sets"
    if found.is_floating_point():
        if bool((found >= 0).all()) and torch.allclose(found.sum(1).float(), torch.ones(len(found)), atol=1e-4):
            raise ValueError(
                f"{what}: rows of probabilities can be read in two ways: y = y.argmax(1) takes the likeliest class,"
                " loss='mse_loss' predicts the numbers"
            )
        return "numbers"
    raise _two(what, f"integers {list(found.shape)}", {"cross_entropy": "a class a moment", "mse_loss": "numbers"})


def _zeros_and_ones(found: Tensor) -> bool:
    return bool(((found == 0) | (found == 1)).all())


def _two(what: str, got: str, readings: dict[str, str]) -> ValueError:
    said = ", ".join(f"loss={name!r} for {reading}" for name, reading in readings.items())
    return ValueError(f"{what}: {got} can be read in more than one way: give {said}")


def _count(found: Tensor, ignore: int, what: str) -> int:
    """Classes of places that say them by their values."""
    counted = found[found != ignore]
    if not counted.numel():
        raise ValueError(f"{what}: every place is of the class that is ignored, {ignore}")
    present, count = len(torch.unique(counted)), int(counted.max()) + 1
    if 2 * present < count:
        raise ValueError(
            f"{what}: only {present} of the classes 0 to {count - 1} occur. Give outputs=(classes, ...) if the"
            f" others are only missing here, Options(ignore={count - 1}) if that class is not counted,"
            " y = numpy.unique(y, return_inverse=True)[1].reshape(y.shape) if there are no others, or loss='mse_loss'"
            " for numbers"
        )
    return count
