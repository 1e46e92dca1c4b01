"""Labels of every kind that people have, as the classes 0, 1, 2 and so on: taken with a note, or refused with a line.

What is not integers from 0 is either clear, and taken with a `LabelNote` that says what was made of it, or could be
read in two ways, and refused with the line that converts it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from appnas.domains.tensors import unmasked

SHOWN = 8
"""Labels that a message lists."""


class LabelNote(UserWarning):
    """What was made of labels that are not integers from 0, or of which a class is empty."""


def as_classes(
    y: Any, what: str, classes: int | None = None, names: Sequence[Any] | None = None
) -> tuple[Tensor, tuple[Any, ...]]:
    """Labels as classes, and the classes' names: the labels that they were, in the order of the classes.

    Integers from 0 stay as they are. Other integers, texts and booleans become classes in their order, one-hot rows the
    place of their 1, floats that are whole integers.

    Args:
        y: labels [N] or one-hot rows [N, classes]: a tensor, an array, a list, a column of pandas.
        what: they are, as messages name them: "training labels".
        classes: number of classes, if it is known; integers from 0 below it stay as they are, whichever occur.
        names: of the classes, where labels are those of a task that is known: what as_classes gave for its training
            labels. Then no note is made.

    Returns:
        int64 [N], and the names; there are as many of them as classes.

    Raises:
        ValueError: none, missing ones, one that is not among the names, more than there are classes, numbers that are
            not whole, label sets, or what can be read in two ways; with the line that converts them.
    """
    values, taken, count = _flat(_array(y, what), what)
    if names is not None:
        if count not in (None, len(names)):
            raise ValueError(f"{what}: one-hot rows have a column for each of {len(names)} classes, got {count}")
        return _known(values, tuple(names), what), tuple(names)
    if values.dtype.kind in "iu":
        found, known = _numbered(values, what, count or classes, taken)
    else:
        known = (False, True) if values.dtype == bool else _sorted(np.unique(values))
        found = _known(values, known, what)
        if classes is not None and classes != len(known):
            raise ValueError(f"{what}: {len(known)} different ones, {_some(known)}, where classes={classes}")
        kind = "booleans" if values.dtype == bool else "texts"
        _note(f"{what}: {kind} became the classes 0 to {len(known) - 1} in the order {_some(known)}; `labels` has them")
    if classes is not None and len(known) > classes:
        raise ValueError(f"{what}: {len(known)} different ones, {_some(known)}, where classes={classes}")
    return found, known


def _note(text: str) -> None:
    warnings.warn(text, LabelNote, stacklevel=4)


def _some(values: Sequence[Any]) -> str:
    """The first few values, as a message lists them."""
    more = f", ... ({len(values)} in all)" if len(values) > SHOWN else ""
    return ", ".join(map(repr, values[:SHOWN])) + more


def _array(y: Any, what: str) -> np.ndarray:
    """Labels as an array of integers, floats, booleans or texts."""
    if y is None:
        raise ValueError(f"{what}: there are none")
    unmasked(y, what)
    if isinstance(y, Tensor):
        y = y.detach().cpu()
        y = (y.float() if y.dtype in (torch.bfloat16, torch.float16) else y).numpy()
    elif isinstance(y, list | tuple) and any(isinstance(value, str | bytes) for value in y):
        mixed = np.empty(len(y), dtype=object)
        mixed[:] = y  # numpy would make texts of all
        y = mixed
    try:
        found = np.asarray(y)
    except ValueError as error:
        raise ValueError(f"{what}: labels are one for every example, got rows of different lengths") from error
    found = _unboxed(found, what) if found.dtype == object else found
    found = np.char.decode(found) if found.dtype.kind == "S" else found
    found = found.astype(str) if found.dtype.kind == "T" else found
    if found.dtype.kind not in "iufbU":
        raise ValueError(f"{what}: labels are integers or texts, got {found.dtype}: y = y.astype(str)")
    if found.dtype.kind == "U" and (empty := int((found == "").sum())):
        raise ValueError(f"{what}: {empty} of {found.size} are empty texts: y[y == ''] = 'none', or leave these out")
    return found


def _missing(value: Any) -> bool:
    return (
        value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)
    )


def _unboxed(values: np.ndarray, what: str) -> np.ndarray:
    """An array of Python's objects as one of texts or numbers."""
    flat = values.ravel().tolist()
    if lost := sum(map(_missing, flat)):
        raise ValueError(
            f"{what}: {lost} of {len(flat)} are missing (None or NaN): keep = ~pandas.isna(y); x, y = x[keep], y[keep]"
        )
    texts = sum(isinstance(value, str | bytes) for value in flat)
    if texts == len(flat):
        flat = [value.decode() if isinstance(value, bytes) else value for value in flat]
    elif texts or not all(isinstance(value, int | float | np.number | np.bool_) for value in flat):
        kinds = sorted({type(value).__name__ for value in flat})
        raise ValueError(
            f"{what}: labels are of one kind, all integers or all texts, got {', '.join(kinds)}:"
            " y = [str(label) for label in y]"
        )
    return np.array(flat).reshape(values.shape)


def _flat(values: np.ndarray, what: str) -> tuple[np.ndarray, str, int | None]:
    """Labels [N] that are integers, booleans or texts; what they were, and the number of columns of one-hot rows."""
    if values.ndim == 0 or not values.size:
        raise ValueError(
            f"{what}: there is no label in it" if values.ndim else f"{what}: one label, {values}: give [N]"
        )
    taken, count = "", None
    if values.ndim == 2 and values.shape[1] == 1:
        values, taken = values[:, 0], f"a column [{len(values)}, 1]"
    if values.ndim == 2:
        values, taken, count = _from_rows(values, what), f"one-hot rows of {values.shape[1]}", values.shape[1]
    if values.ndim > 2:
        raise ValueError(
            f"{what}: labels are one for every example, got the shape {values.shape}; a label for every pixel is for"
            " Labelled of appnas.domains"
        )
    if values.dtype.kind == "f":
        values, taken = _whole(values, what), taken or "floats that are whole"
    return values, taken, count


def _whole(values: np.ndarray, what: str) -> np.ndarray:
    if lost := int((~np.isfinite(values)).sum()):
        raise ValueError(
            f"{what}: {lost} of {len(values)} are missing (NaN or infinite): keep = numpy.isfinite(y);"
            " x, y = x[keep], y[keep]"
        )
    if (part := values[values != np.round(values)]).size:
        raise ValueError(
            f"{what}: {len(part)} of {len(values)} are no whole numbers, such as {part[0]:.6g}: numbers are"
            " predicted by Labelled(x, y) of appnas.domains; classes are made of them by y = numpy.digitize(y, edges)"
        )
    return values.astype(np.int64)


def _from_rows(rows: np.ndarray, what: str) -> np.ndarray:
    """The place of the 1 in every row."""
    if rows.dtype.kind == "U":
        raise ValueError(f"{what}: one text an example, got rows of {rows.shape[1]}: y = y[:, 0], if that is the label")
    numbers = rows.astype(np.float64)
    if not ((numbers == 0) | (numbers == 1)).all():
        likely = (numbers >= 0).all() and np.allclose(numbers.sum(1), 1, atol=1e-3)
        kind = "rows of probabilities" if likely else f"rows of {rows.shape[1]} numbers"
        line = "y = y.argmax(1) takes the likeliest class" if likely else "y = y[:, 0] takes the first column"
        raise ValueError(
            f"{what}: one label an example, got {kind}: {line}; Labelled of appnas.domains predicts the rows"
        )
    if (wrong := numbers.sum(1) != 1).any():
        raise ValueError(
            f"{what}: one-hot rows have one 1 each, {int(wrong.sum())} of {len(rows)} have none or several: sets of"
            " labels are predicted by Labelled(x, y) of appnas.domains; y = y.argmax(1) takes the first label of each"
        )
    places: np.ndarray = rows.argmax(1)
    return places


def _numbered(values: np.ndarray, what: str, classes: int | None, taken: str) -> tuple[Tensor, tuple[Any, ...]]:
    """Integers as classes: those from 0 as they are, others in their order."""
    present = np.unique(values).tolist()
    low, high = present[0], present[-1]
    if low == -1 and present[1:2] == [0]:
        raise ValueError(
            f"{what}: {int((values == -1).sum())} of {len(values)} are -1, beside 0 to {high}. If that means no label:"
            " x, y = x[y >= 0], y[y >= 0]; if it is a class: y = y + 1"
        )
    kept = low == 0 if classes is None else 0 <= low and high < classes
    if not kept:
        if classes is not None and (len(present) > classes or low == 0):
            raise ValueError(f"{what}: must be 0 to {classes - 1}, as classes={classes}, found {low} to {high}")
        known, of = tuple(present), taken or "integers"
        _note(
            f"{what}: {of} became the classes 0 to {len(known) - 1} in the order {_some(known)}; `labels` has them."
            " If class 0 is only missing here, give classes"
        )
        return _known(values, known, what), known
    count = classes or high + 1
    if classes is None and 2 * len(present) < count:
        raise ValueError(
            f"{what}: only {len(present)} of the classes 0 to {high} occur, {_some(present)}: give classes={count} if"
            " the others are only missing here; else y = numpy.unique(y, return_inverse=True)[1]"
        )
    if len(present) < count and (taken or classes is None):
        empty = sorted(set(range(count)) - set(present))
        _note(f"{what}: {taken and taken + ' became '}{count} classes, of which {len(empty)} are empty: {_some(empty)}")
    elif taken:
        _note(f"{what}: {taken} became the classes 0 to {count - 1}")
    return torch.from_numpy(values.astype(np.int64)), tuple(range(count))


def _sorted(values: np.ndarray) -> tuple[str, ...]:
    """Texts in their order; those of integers in the order of these."""
    texts: list[str] = values.tolist()
    numbers = all(text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() for text in texts)
    return tuple(sorted(texts, key=int) if numbers else texts)


def _known(values: np.ndarray, names: tuple[Any, ...], what: str) -> Tensor:
    """Labels as the places of their names.

    Raises:
        ValueError: one is no name.
    """
    present, inverse = np.unique(values, return_inverse=True)
    place = {name: index for index, name in enumerate(names)}
    if strange := [label for label in present.tolist() if label not in place]:
        raise ValueError(f"{what}: {_some(strange)} is not among the labels that are known, {_some(names)}")
    return torch.tensor([place[label] for label in present.tolist()])[torch.from_numpy(inverse.reshape(-1))]
