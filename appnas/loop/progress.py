"""A live line for what takes long: a search (value, best, time left), a training (loss, time left)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from appnas.loop.loop import Loop, Observer
from appnas.loop.notebook import NotebookBar, in_notebook
from appnas.loop.records import Record
from appnas.task import OnEpoch


def _bar(figures: str, console: Console | None) -> Bar | NotebookBar:
    """A line on standard error, silent if that is not a terminal; in a notebook one that it draws."""
    if console is None and in_notebook():
        return NotebookBar(figures)
    console = console or Console(stderr=True)
    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(figures),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


@contextmanager
def training(label: str, epochs: int, shown: bool = True, console: Console | None = None) -> Iterator[OnEpoch | None]:
    """A bar for one training; yields what to call after every epoch, or None if nothing is to be shown."""
    if not shown:
        yield None
        return
    with _bar("loss {task.fields[loss]:.4g}", console) as bar:
        task: Any = bar.add_task(label, total=epochs, loss=float("nan"))
        bar.start()
        yield lambda done, loss: bar.update(task, completed=done, loss=loss)


def _number(value: float | None, otherwise: float) -> float:
    """The value, or what to take for none: what failed has none, what diverged has NaN."""
    return otherwise if value is None or value != value else value


class Progress(Observer):
    """Show a progress bar on standard error.

    Args:
        label: what runs.
        console: where to; by default a notebook, or standard error, silent if that is not a terminal.
    """

    def __init__(self, label: str = "search", console: Console | None = None):
        self.bar = _bar("value {task.fields[value]:.4g}  best {task.fields[best]:.4g}", console)
        self.label = label

    def start(self, loop: Loop) -> None:
        """Draw the bar, from where a resumed search stands."""
        self.budget, self.best = 0, -math.inf
        for record in loop.history:
            self._note(record)
        self.task: Any = self.bar.add_task(
            self.label, total=loop.steps, completed=loop.step, value=float("nan"), best=self.best
        )
        self.bar.start()

    def step(self, loop: Loop, record: Record) -> None:
        """Move it."""
        self._note(record)
        self.bar.update(self.task, completed=loop.step, value=_number(record.value, math.nan), best=self.best)

    def _note(self, record: Record) -> None:
        """The best is that of the largest budget."""
        value, budget = _number(record.value, -math.inf), record.budget or 0
        if budget > self.budget and value > -math.inf and not record.failure:
            self.budget, self.best = budget, -math.inf
        self.best = max(self.best, value) if budget == self.budget else self.best

    def end(self, loop: Loop) -> None:
        """Take it away."""
        self.bar.stop()
