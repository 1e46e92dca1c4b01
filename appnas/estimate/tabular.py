"""Results that somebody else trained, looked up."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from itertools import chain
from numbers import Integral
from typing import Any

import numpy as np
import torch

from appnas.estimate.attempts import as_tensor, failed
from appnas.estimate.evaluator import Stateless
from appnas.space import Arch, Name, itself
from appnas.strategy import Draw, Score
from appnas.support import DataError, Failure, number


class Table(Stateless):
    """Looked-up metrics of architectures that somebody else trained.

    None and NaN in a column are holes: a score does not show what is not there, and an architecture without a value
    is as one without a row. Nothing is guessed: an architecture that comes twice must be averaged, or one of them
    taken, before.

    Args:
        archs: the architectures, one a row.
        columns: named metrics, one number a row.
        value: the column to maximise.
        withheld: columns that a score never shows, for `test` alone.
        missing: what an architecture without a value is: "error" ends the search, "failed" is an evaluation that
            failed, a number is its value.
        budgets: the columns that hold the value after part of the training, by how long that is, such as
            {12: "valid12", 200: "valid200"}; the last is `value`. A draw with one of these budgets has its column as
            the value, what was trained since the draw before as the metric `budget`, and sees no later column.

    Raises:
        TypeError: columns that are none.
        ValueError: an unknown column, one that is maximised and withheld, or too short; rows that are no architectures,
            or come twice; a cell that is no number; budgets that are none.
    """

    def __init__(
        self,
        archs: Sequence[Arch],
        columns: Mapping[str, Sequence[float | None]],
        value: str,
        withheld: Sequence[str] = (),
        missing: str | float = "error",
        budgets: Mapping[int, str] | None = None,
    ):
        self.name: Name = itself
        self._rows: dict[Arch, int] | None = None
        if not isinstance(columns, Mapping):
            raise TypeError(f"columns are named: give a dictionary, got {columns!r:.80}")
        if odd := [name for name, column in columns.items() if not hasattr(column, "__len__")]:
            raise TypeError(f"the column {odd[0]!r} must be a list of numbers, got {columns[odd[0]]!r:.80}")
        if isinstance(withheld, str):
            raise ValueError(f"withheld is a list of columns, got the text {withheld!r}: [{withheld!r}] may be meant")
        if unknown := {value, *withheld} - set(columns):
            raise ValueError(f"the table has the columns {sorted(columns)}, got {sorted(unknown)}")
        if value in withheld:
            raise ValueError(f"the column {value!r} is what a search sees: it cannot be withheld too")
        lengths = {name: len(column) for name, column in columns.items()}
        if set(lengths.values()) != {len(archs)} or not len(archs):
            raise ValueError(f"every column needs one number for each of {len(archs)} architectures, got {lengths}")
        if isinstance(missing, str) and missing not in ("error", "failed"):
            raise ValueError(f"missing is 'error', 'failed', or a value, got {missing!r}")
        self.missing = missing if isinstance(missing, str) else number("missing", missing)
        if isinstance(self.missing, float) and not math.isfinite(self.missing):
            raise ValueError(f"missing is 'error', 'failed', or a finite value, got {missing}")
        self.index = _index(archs)
        self.values = _column(value, columns[value])
        self.shown = {name: _column(name, columns[name]) for name in columns if name not in withheld}
        self.hidden = {name: _column(name, columns[name]) for name in withheld}
        self.budgets = _budgets(budgets or {}, value, [name for name in columns if name not in withheld])

    def named(self, name: Name) -> Table:
        """The same table, which looks up an architecture that is missing by its name (`appnas.space.names`).

        Of several rows of one name the first with a value counts.
        """
        if name is itself:
            return self
        other = copy.copy(self)
        other.name, other._rows = name, None
        return other

    def _alike(self, arch: Arch) -> int | None:
        """A row with a value, of the same name."""
        if self.name is itself:
            return None
        if self._rows is None:
            self._rows, valued = {}, set(np.flatnonzero(~np.isnan(self.values)).tolist())
            for other, row in self.index.items():
                if row in valued:
                    self._rows.setdefault(self.name(other), row)
        return self._rows.get(self.name(arch))

    def row(self, arch: Arch) -> int | None:
        """The architecture's row, or one of the same name; None if there is none, or no value there."""
        row = self.index.get(arch)
        if row is not None and not math.isnan(self.values[row]):
            return row
        return self._alike(arch)

    def score(self, draw: Draw) -> Score:
        """The row's value and metrics.

        Raises:
            DataError: there is no value, and the table does not say what that means; or no column of the budget.
        """
        row = self.row(draw.arch)
        if draw.budget is not None:
            row, column, told = self._until(row, draw)
        else:
            column, told = self.values, self.shown
        if row is not None:
            spent = {} if draw.budget is None else {"budget": float(draw.budget - draw.since)}
            return Score(as_tensor(column.item(row)), {**_filled(told, row), **spent})
        lack = (
            f"the table has {len(self.index)} architectures, but {'no value of' if draw.arch in self.index else 'not'}"
        )
        if self.missing == "failed":
            return failed(self, Failure("Missing", f"{lack} this one"))
        if isinstance(self.missing, str):
            raise DataError(
                f"{lack} {draw.arch}; search what it has: Listed.of(table, space), or say what a missing one means:"
                " Table(..., missing='failed') or missing=a value of your own"
            )
        return Score(torch.tensor(self.missing), {"missing": 1.0})

    def _until(self, row: int | None, draw: Draw) -> tuple[int | None, np.ndarray, dict[str, np.ndarray]]:
        """The row, if it has a value after the draw's budget, that column, and what is known by then.

        Raises:
            DataError: the table has no such budget.
        """
        if draw.budget not in self.budgets:
            raise DataError(f"the table has values after budgets of {list(self.budgets)}, not of {draw.budget}")
        column = self.shown[self.budgets[draw.budget]]
        later = {name for budget, name in self.budgets.items() if budget > draw.budget}
        told = {name: cells for name, cells in self.shown.items() if name not in later}
        return (None if row is None or math.isnan(column[row]) else row), column, told

    def test(self, arch: Arch) -> dict[str, float]:
        """The withheld columns: for after the search.

        Raises:
            DataError: not in the table.
        """
        row = self.index[arch] if arch in self.index else self._alike(arch)
        if row is None:
            raise DataError(f"the table has {len(self.index)} architectures, but not {arch}")
        return _filled(self.hidden, row)


def _budgets(budgets: Mapping[int, str], value: str, shown: Sequence[str]) -> dict[int, str]:
    """The same in their order.

    Raises:
        ValueError: a budget that is no number above 0, a column that a score does not show, or the last one is not the
            value's.
    """
    if odd := [budget for budget in budgets if type(budget) is not int or budget < 1]:
        raise ValueError(f"a budget is a whole number of at least 1, got {odd[0]!r}")
    if odd_name := [name for name in budgets.values() if name not in shown]:
        raise ValueError(f"budgets name columns that a score shows, {sorted(shown)}, got {odd_name[0]!r}")
    if budgets and budgets[max(budgets)] != value:
        raise ValueError(f"the largest budget's column is the value, {value!r}, got {budgets[max(budgets)]!r}")
    return dict(sorted(budgets.items()))


def _filled(columns: Mapping[str, np.ndarray], row: int) -> dict[str, float]:
    cells = {name: column.item(row) for name, column in columns.items()}
    return {name: cell for name, cell in cells.items() if cell == cell}


def _index(archs: Sequence[Any]) -> dict[Arch, int]:
    """The row of every architecture. Keys that are tuples already stay, as they are: no copy of a large table's."""
    rows = _array(archs)
    if rows.ndim == 2 and rows.dtype.kind in "iu" and rows.min() >= 0:
        kept = isinstance(archs, list) and set(map(type, archs)) == {tuple} and set(map(type, chain(*archs))) == {int}
        index = dict(zip(archs if kept else zip(*rows.T.tolist(), strict=True), range(len(archs)), strict=True))
        if len(index) == len(archs):
            return index
    return _checked(archs)


def _checked(archs: Sequence[Any]) -> dict[Arch, int]:
    """The same, one by one: which row is wrong, and why."""
    index: dict[Arch, int] = {}
    for row, arch in enumerate(archs):
        if not isinstance(arch, Sequence | np.ndarray) or not all(
            isinstance(i, Integral) and int(i) >= 0 for i in arch
        ):
            raise ValueError(f"row {row}: an architecture is a sequence of indices of options from 0, got {arch!r}")
        key = tuple(map(int, arch))
        if key in index:
            raise ValueError(
                f"rows {index[key]} and {row} are of one architecture, {key}: average such rows, or choose, before"
            )
        index[key] = row
    if len(lengths := {len(arch) for arch in index}) > 1:
        raise ValueError(f"all architectures of a table have as many decisions, got {sorted(lengths)}")
    return index


def _column(name: str, cells: Sequence[Any]) -> np.ndarray:
    """As doubles that nobody writes to; the cells of one row are `item`, a Python number."""
    whole = _array(cells)
    if whole.ndim == 1 and whole.dtype.kind in "iuf":
        column = whole.astype(float)
    else:
        column = np.array([_cell(f"row {row} of {name!r}", cell) for row, cell in enumerate(cells)], float)
    if infinite := np.flatnonzero(np.isinf(column)).tolist():
        raise ValueError(f"row {infinite[0]} of {name!r} is {column[infinite[0]]}: a hole is None or NaN")
    column.flags.writeable = False
    return column


def _cell(what: str, cell: Any) -> float:
    try:
        return math.nan if cell is None else number(what, cell)
    except TypeError as error:
        raise ValueError(f"{error}; a hole is None or NaN") from error


def _array(cells: Sequence[Any]) -> np.ndarray:
    """As an array; an empty one of what makes none."""
    try:
        return np.asarray(cells)
    except ValueError:  # rows of different lengths
        return np.empty(0)
