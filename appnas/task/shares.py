"""Which part of a batch a process trains on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from appnas.compute import Share, compute_of
from appnas.support import DataError


def own_part(data: Any, batch: Any) -> Any:
    """The part of a batch that belongs to this process: its rows of all tensors.

    A domain that gives each process its rows by itself, such as one that does not load the others', says so by an
    attribute `shares`, and finds which they are by `compute.share.rows(count)`.

    Raises:
        DataError: the batch has fewer rows than there are processes, or its tensors have no rows in common.
    """
    share = compute_of(data).share
    if share.size == 1 or getattr(data, "shares", False):
        return batch
    found: set[int | str] = set()
    _look(batch, found)
    if len(found) != 1 or not all(isinstance(length, int) for length in found):
        raise DataError(
            f"several processes share the rows of each batch, and a {type(batch).__name__} cannot be cut: its parts"
            f" have {', '.join(map(str, sorted(found, key=str))) or 'no'} rows (a graph has none in common): take"
            f" processes=1 instead of {share.size}"
        )
    return _cut(batch, share, int(found.pop()))


def rows_of(share: Share, count: int) -> slice:
    """A process's rows of a batch of so many.

    Raises:
        DataError: the batch has fewer rows than there are processes.
    """
    if count < share.size:
        raise DataError(
            f"a batch of {count} has no row for each of {share.size} processes: take larger batches, or fewer processes"
        )
    return share.rows(count)


def _look(value: Any, found: set[int | str]) -> None:
    """Add the lengths of all tensors in a batch, and the kinds of what has unknown ones."""
    if isinstance(value, Tensor):
        if value.dim():
            found.add(len(value))
    elif isinstance(value, Mapping | list | tuple):
        for part in value.values() if isinstance(value, Mapping) else value:
            _look(part, found)
    elif hasattr(value, "to") and not hasattr(value, "cut"):
        found.add(type(value).__name__)


def _cut(value: Any, share: Share, count: int) -> Any:
    if isinstance(value, Tensor):
        return value[rows_of(share, count)] if value.dim() else value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_cut(part, share, count) for part in value))
    if isinstance(value, list | tuple):
        return type(value)(_cut(part, share, count) for part in value)
    if isinstance(value, Mapping):
        return {name: _cut(part, share, count) for name, part in value.items()}
    return value.cut(share) if hasattr(value, "cut") else value
