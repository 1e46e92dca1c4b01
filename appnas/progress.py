"""A live line for a running search: value, best, time left."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from appnas.search import Loop, Observer, Record


class Progress(Observer):
    """Show a progress bar on standard error.

    Args:
        label: what runs.
        console: where to; by default standard error, silent if that is not a terminal.
    """

    def __init__(self, label: str = "search", console: Console | None = None):
        console = console or Console(stderr=True)
        self.bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("value {task.fields[value]:.4g}  best {task.fields[best]:.4g}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.label = label

    def start(self, loop: Loop) -> None:
        """Draw the bar, from where a resumed search stands."""
        self.best = max((record.value for record in loop.history), default=float("-inf"))
        self.task = self.bar.add_task(
            self.label, total=loop.steps, completed=loop.step, value=float("nan"), best=self.best
        )
        self.bar.start()

    def step(self, loop: Loop, record: Record) -> None:
        """Move it."""
        self.best = max(self.best, record.value)
        self.bar.update(self.task, completed=loop.step, value=record.value, best=self.best)

    def end(self, loop: Loop) -> None:
        """Take it away."""
        self.bar.stop()
