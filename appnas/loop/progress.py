"""How far what takes long has come: a search (value, best, time left), a training (loss, time left).

In a terminal a live line; elsewhere, in a file or a pipe, a plain line every so often.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from appnas.loop.loop import Loop, Observer
from appnas.loop.notebook import NotebookBar, in_notebook
from appnas.loop.records import Record, value_name
from appnas.task import OnEpoch, metric_of

EVERY = 10.0
"""Seconds between plain lines at first, and at least; of what has run long a twentieth of its time. The environment
variable APPNAS_PROGRESS has another number; with 0 there are none."""


class Told:
    """A bar in a notebook or on standard error; where that is no terminal, a thread that writes plain lines instead.

    Args:
        label: what runs.
        unit: what is counted, in the plural.
        total: how many there will be.
        done: how many there are.
        console: where to; by default a notebook, or standard error.
    """

    last = 0.0
    """When the last plain line was written, of whatever: many short trainings are told of, too."""

    def __init__(self, label: str, unit: str, total: int, done: int = 0, console: Console | None = None):
        self.label, self.unit, self.console = label, unit, console or Console(stderr=True)
        self.begun, self.first, self.over = time.monotonic(), done, threading.Event()
        figures, drawn = "{task.fields[said]}", console is None and in_notebook()
        self.bar: Any = NotebookBar(figures) if drawn else Bar(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(figures),
            TimeRemainingColumn(), console=self.console, transient=True, disable=not self.console.is_terminal,
        )  # fmt: skip
        self.task = self.bar.add_task(label, total=total, completed=done, said="")
        self.plain, self.every = not (drawn or self.console.is_terminal), _every()
        self.thread = threading.Thread(target=self._write, daemon=True)

    def start(self) -> None:
        """From here on."""
        self.bar.start()
        Told.last = Told.last or self.begun
        if self.plain and self.every > 0:
            self.thread.start()

    def update(self, done: int, said: str, followed: float = math.nan) -> None:
        """So many are done, and this is to be said; what is followed is a curve, where one can be drawn."""
        self.bar.update(self.task, completed=done, said=said, followed=followed)

    def stop(self) -> None:
        """Take the bar away; say nothing any more."""
        self.over.set()
        self.bar.stop()
        if self.thread.is_alive():
            self.thread.join()

    def _write(self) -> None:
        while not self.over.wait(max(self._next() - time.monotonic(), 0.0)):
            Told.last = time.monotonic()
            self.console.print(Text(self.line(Told.last)), soft_wrap=True)

    def _next(self) -> float:
        return Told.last + max(self.every, (time.monotonic() - self.begun) / 20)

    def line(self, now: float) -> str:
        """What a plain line says at that time."""
        task, spent = self.bar.tasks[0], now - self.begun
        done, said = int(task.completed), task.fields["said"]
        total = int(task.total or 0)
        rest = f", about {_clock((total - done) * spent / (done - self.first))} left" if done > self.first else ""
        return f"{self.label}: {done} of {total} {self.unit}{said and ', ' + said}, {_clock(spent)}{rest}"


def _every() -> float:
    """Seconds between plain lines.

    Raises:
        ValueError: APPNAS_PROGRESS is no number of them.
    """
    text = os.environ.get("APPNAS_PROGRESS", str(EVERY))
    try:
        every = float(text)
    except ValueError:
        every = -1.0
    if not 0 <= every < threading.TIMEOUT_MAX:
        raise ValueError(f"APPNAS_PROGRESS has the seconds between lines of progress, 0 for none, got {text!r}")
    return every


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 3600}:{int(seconds) // 60 % 60:02}:{int(seconds) % 60:02}"


@contextmanager
def training(label: str, epochs: int, shown: bool = True, console: Console | None = None) -> Iterator[OnEpoch | None]:
    """Tell of one training; yields what to call after every epoch, or None if nothing is to be shown."""
    if not shown:
        yield None
        return
    told = Told(label, "epochs", epochs, console=console)
    told.start()
    try:
        yield lambda done, loss: told.update(done, f"loss {loss:.4g}", loss)
    finally:
        told.stop()


def _number(value: float | None, otherwise: float) -> float:
    """The value, or what to take for none: what failed has none, what diverged has NaN."""
    return otherwise if value is None or value != value else value


class Progress(Observer):
    """Tell on standard error how far a search is.

    Args:
        label: what runs.
        console: where to; by default a notebook, or standard error.
        domain: what has a metric, with a unit; or a table.
    """

    def __init__(self, label: str = "search", console: Console | None = None, domain: Any = None):
        metric = metric_of(domain)
        self.label, self.console = label, console
        self.units = {metric.name: metric.unit} if metric else None

    def start(self, loop: Loop) -> None:
        """Begin where a resumed search stands."""
        self.budget, self.best, self.value = 0, -math.inf, math.nan
        self.records: list[Record] = []
        self.told = Told(self.label, "steps", loop.steps, loop.step, self.console)
        self.bar = self.told.bar
        for record in loop.history:
            self._note(record)
        self.told.update(loop.step, self.said, self.best)
        self.told.start()

    def step(self, loop: Loop, record: Record) -> None:
        """Move it."""
        self._note(record)
        self.told.update(loop.step, self.said, self.best)

    def _note(self, record: Record) -> None:
        """The best is that of the largest budget."""
        self.value, budget = _number(record.value, math.nan), record.budget or 0
        value = _number(record.value, -math.inf)
        if budget > self.budget and value > -math.inf and not record.failure:
            self.budget, self.best = budget, -math.inf
        self.best = max(self.best, value) if budget == self.budget else self.best
        if not record.failure:
            alike = bool(self.records) and self.records[0].metrics.keys() == record.metrics.keys()
            self.records = [*self.records[-99:], record] if alike else [record]

    @property
    def said(self) -> str:
        """The last value and the best, with the name and the unit of what is maximised."""
        if not self.records:
            return ""
        name, _, unit = value_name(self.records, self.units).partition(", ")
        of = f" {unit}" * bool(unit)
        last = f"{self.value:.4g}{of}" if self.value == self.value else "none"
        return f"{name} {last}" + (f", best {self.best:.4g}{of}" if self.best > -math.inf else "")

    def end(self, loop: Loop) -> None:
        """Take it away."""
        self.told.stop()
