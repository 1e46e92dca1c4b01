"""Results that somebody else trained, and what regressions make of them for architectures that nobody trained."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from appnas.cost import kendall
from appnas.estimate.attempts import as_tensor
from appnas.estimate.evaluator import Stateless
from appnas.space import Arch
from appnas.strategy import Draw, Score


class Regressor(Protocol):
    """A regression in the manner of scikit-learn."""

    def fit(self, x: np.ndarray, y: np.ndarray) -> Any:
        """Learn. Shapes: x [N, features], y [N]."""

    def predict(self, x: np.ndarray) -> Any:
        """One number for each row. Shapes: x [N, features]; returns [N]."""


class Agreement(NamedTuple):
    """How well a regression predicts what was held back.

    Attributes:
        tau: Kendall's rank correlation (tau-b) of predicted and measured.
        r2: share of the measured variance that the predictions explain.
        fitted, held_out: number of rows of each kind.
    """

    tau: float
    r2: float
    fitted: int
    held_out: int


def indices(archs: Sequence[Arch]) -> np.ndarray:
    """The indices of the options as they are: for trees. Shapes: returns [N, D]."""
    return np.asarray(archs, dtype=float)


class Surrogate(Stateless):
    """A benchmark over a whole space, made of trainings of a part of it: a regression for every column.

    What a search finds here is the best of the regression, not of the truth: `agreement` says how far the two agree on
    trainings held back, `near` what was measured beside an architecture that was found. In contrast to a `Table`, an
    architecture may come in several rows.

    Attributes:
        agreement: of every column, on the rows held back; empty if there are none.
        held: the rows held back.
        regressors: the fitted ones, by column.

    Args:
        archs: the architectures that were trained, one a row.
        columns: named metrics, one number a row; NaN for what was not measured.
        value: the column to maximise.
        make: column -> a new regression (of scikit-learn, or anything with `fit` and `predict`).
        held_out: share of the architectures, with all their rows, that no regression sees; 0 for none.
        seed: of the division.
        code: architectures -> what a regression reads.

    Raises:
        ValueError: a value that is no column, columns of other lengths, or too few rows to fit or to hold back.
    """

    def __init__(
        self,
        archs: Sequence[Arch],
        columns: Mapping[str, Sequence[float]],
        value: str,
        make: Callable[[str], Regressor],
        held_out: float = 0.1,
        seed: int = 0,
        code: Callable[[Sequence[Arch]], np.ndarray] = indices,
    ):
        if value not in columns:
            raise ValueError(f"the columns are {sorted(columns)}, got the value {value!r}")
        if set(lengths := [len(column) for column in columns.values()]) != {len(archs)}:
            raise ValueError(f"every column needs one number for each of {len(archs)} rows, got {lengths}")
        if not 0 <= held_out < 1:
            raise ValueError(f"held_out is a share, from 0 to below 1, got {held_out}")
        self.archs, self.value, self.code = [tuple(map(int, arch)) for arch in archs], value, code
        self.columns = {name: np.asarray(column, dtype=float) for name, column in columns.items()}
        every = sorted(set(self.archs))
        back = set(random.Random(seed).sample(every, round(held_out * len(every))))
        self.held = [row for row, arch in enumerate(self.archs) if arch in back]
        self.regressors: dict[str, Regressor] = {}
        self.agreement: dict[str, Agreement] = {}
        self._known: dict[Arch, dict[str, float]] = {}
        held = np.array([arch in back for arch in self.archs])
        for name, column in self.columns.items():
            self._fit(name, make(name), column, held)

    def _fit(self, name: str, regressor: Regressor, column: np.ndarray, held: np.ndarray) -> None:
        there = np.isfinite(column)
        rows, rest = np.flatnonzero(there & ~held), np.flatnonzero(there & held)
        if len(rows) < 2 or (held.any() and len(rest) < 2):
            raise ValueError(
                f"column {name!r}: at least 2 numbers to fit and 2 held back are needed, got {len(rows)}, {len(rest)}"
            )
        regressor.fit(self.code([self.archs[row] for row in rows]), column[rows])
        self.regressors[name] = regressor
        if len(rest):
            guess = np.asarray(regressor.predict(self.code([self.archs[row] for row in rest])), dtype=float)
            true = column[rest]
            off, spread = float(((guess - true) ** 2).sum()), float(((true - true.mean()) ** 2).sum())
            tau = kendall(torch.from_numpy(guess), torch.from_numpy(true))
            self.agreement[name] = Agreement(tau, 1 - off / spread if spread else math.nan, len(rows), len(rest))

    def predict(self, archs: Sequence[Arch]) -> dict[str, np.ndarray]:
        """All columns of any architectures. Shapes: each [N]."""
        x = self.code([tuple(arch) for arch in archs])
        return {name: np.asarray(made.predict(x), dtype=float) for name, made in self.regressors.items()}

    def score(self, draw: Draw) -> Score:
        """The regression's value, and all columns by their names."""
        if draw.arch not in self._known:
            self._known[draw.arch] = {name: float(column[0]) for name, column in self.predict([draw.arch]).items()}
        metrics = self._known[draw.arch]
        return Score(as_tensor(metrics[self.value]), dict(metrics))

    def near(self, arch: Arch, count: int = 10) -> list[tuple[int, int]]:
        """The rows held back whose architectures differ in the fewest decisions.

        Returns:
            (row, decisions that differ), the nearest first, earlier rows first where as many do.
        """
        apart = [(sum(a != b for a, b in zip(arch, self.archs[row], strict=True)), row) for row in self.held]
        return [(row, differ) for differ, row in sorted(apart)[:count]]
