"""Training, validation and test examples of a task, out of arrays or of what is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from appnas.domains.labelled.inputs import as_inputs
from appnas.domains.labelled.items import Anything, pair_of
from appnas.domains.labelled.options import Options
from appnas.domains.labelled.splits import chosen, shared
from appnas.domains.labelled.targets import Task, as_targets
from appnas.domains.reading import (
    SAMPLE,
    Flow,
    Inputs,
    Rows,
    Split,
    chained,
    cut,
    first,
    gathered,
    own,
    parts_of,
    samples,
    splits_of,
)  # fmt: skip
from appnas.domains.tensors import by_name


def paired(x: Inputs, y: Tensor, what: str) -> Split:
    """Inputs and targets.

    Raises:
        ValueError: there are not as many of both.
    """
    if len(x) != len(y):
        raise ValueError(f"{what} data: {len(x)} inputs need as many targets, got {len(y)}")
    return x, y


def more(x: Any, y: Any, what: str, task: Task, like: Inputs, given: Any = None) -> Split:
    """Further data, read as the training data were; columns of a table by the names that the `given` one has.

    Raises:
        ValueError: inputs of another shape or type, or with other columns, or targets that do not fit.
    """
    inputs = as_inputs(by_name(x, given, f"{what} inputs"), f"{what} inputs")
    found, wanted = ([(tuple(p.shape[1:]), p.dtype) for p in parts_of(some)] for some in (inputs, like))
    if found != wanted:
        said = (", ".join(f"{list(shape)} of {kind}" for shape, kind in some) for some in (found, wanted))
        raise ValueError("{} inputs are {} for each example, training inputs {}".format(what, *said))
    return paired(inputs, as_targets(y, f"{what} labels", task), what)


def strata(y: Tensor | None, task: Task, options: Any) -> Tensor | None:
    """Classes that splits are even in."""
    return y if task.kind == "classes" and getattr(options, "stratify", False) else None


def parted(every: Split, train: Tensor, valid: Tensor) -> dict[str, Split]:
    """Two parts of the examples, and both: the first and the rest of "all"."""
    joined, size = cut(every, torch.cat([train, valid])), len(train)
    return {"train": cut(joined, slice(size)), "valid": cut(joined, slice(size, None)), "all": joined}


def split_up(train: Split, aside: Split | None, valid: Any, task: Task, options: Options) -> dict[str, Split]:
    """Training and validation examples, and both.

    Args:
        train: training examples, of which the first `options.limit` are used.
        aside: validation examples, if they are given.
        valid: a share, places or a mask; None for the share in the options.
        task: what is predicted.
        options: splits.

    Raises:
        ValueError: a share outside 0 to 1, places that are not there, a split without an example.
    """
    train = first(train, options.limit) if options.limit else train
    if options.folds > 1 and (aside is not None or valid is not None):
        raise ValueError(f"folds={options.folds} hold out every example once, so valid=... has no place: leave one out")
    if options.folds > len(train[0]):
        raise ValueError(f"folds are at most as many as examples, {len(train[0])}, got {options.folds}")
    if aside is not None:
        return _joined(train, aside)
    share = options.valid if valid is None else valid
    count = len(train[0])
    if not isinstance(share, float):
        return parted(train, *chosen(count, share))
    if not 0 < share < 1:
        raise ValueError(f"valid is the share of the training examples held out, between 0 and 1, got {share}")
    return parted(train, *shared(count, share, options.seed, strata(train[1], task, options)))


def _joined(train: Split, valid: Split) -> dict[str, Split]:
    """Splits that were given; "all" is both of them."""
    (x, y), (other, targets) = train, valid
    if isinstance(x, Rows | Flow):
        return own(train, valid)
    assert y is not None and targets is not None
    return {"train": train, "valid": valid, "all": (chained([x, other]), torch.cat([y, targets]))}


class Found(NamedTuple):
    """What was read of what users handed over.

    Attributes:
        splits: "train", "valid" and "all".
        held: held-out examples.
        task: what is predicted.
        options: with what a loader says.
        seen: a sample of the training examples.
    """

    splits: dict[str, Split]
    held: Split | None
    task: Task
    options: Options
    seen: tuple[Inputs, Tensor]


def read(
    train: Any, valid: Any, test: Any, reader: Anything, classes: int | None, lengths: Mapping[str, int],
    options: Options,
) -> Found:  # fmt: skip
    """All examples of a task that are read when they are asked for; see `appnas.domains.Labelled.of`."""
    how = valid if isinstance(valid, float) or _places(valid) else None
    given = {"train": train, "valid": None if how is not None else valid, "test": test}
    if isinstance(train, Mapping):
        rest = {name: some for name, some in given.items() if name != "train" and some is not None}
        given = {**splits_of(train, lambda rows: _complete(rows, reader)), **rest}
    parts, task, loading = gathered(given, reader, classes, lengths)
    seen = list(samples(parts["train"][0], SAMPLE))
    x, y = chained([x for x, _ in seen]), torch.cat([y for _, y in seen])
    if task is None:
        task = reader.seen(y, classes)
        for rows, _ in parts.values():
            rows.classes = task
        y = as_targets(y, "training labels", task)
    if loading.batch:
        size = loading.batch
        options = replace(options, batch=size, final_batch=size, loaders=loading.workers or options.loaders)
    splits = split_up(parts["train"], parts.get("valid"), how, task, options)
    return Found(splits, parts.get("test"), task, options, (x, y))


def _places(valid: Any) -> bool:
    """Whether they are places or a mask, not data."""
    if isinstance(valid, list | range):
        return bool(len(valid)) and isinstance(valid[0], int | np.integer)
    return isinstance(valid, Tensor | np.ndarray) and valid.ndim == 1


def _complete(rows: Any, reader: Anything) -> bool:
    """Whether a split has rows, and these have targets."""
    if not hasattr(rows, "__len__") or not hasattr(rows, "__getitem__"):
        return True
    try:
        return bool(len(rows)) and pair_of(rows[0], reader.columns)[1] is not None
    except ValueError:
        return False
