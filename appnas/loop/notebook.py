"""The live line in a notebook: a bar with the same figures as in a terminal, and a curve of what is followed.

It stays below its cell when the search is over, as everything in a notebook does.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from html import escape
from importlib import import_module
from types import SimpleNamespace, TracebackType
from typing import Any

GAP = 0.3
"""Seconds between two looks of a bar at least."""
WIDE, HIGH, POINTS = 240, 36, 240


def in_notebook() -> bool:
    """Whether this runs in the kernel of a notebook, which shows more than text."""
    python: Any = sys.modules.get("IPython")
    return hasattr(python.get_ipython() if python else None, "kernel")


class NotebookBar:
    """A bar that is called like one of `rich.progress`: tasks with a total and the fields of its figures.

    Args:
        figures: what stands behind the bar, a format of `task.fields`.
    """

    def __init__(self, figures: str):
        self.figures, self.shown, self.handle = figures, 0.0, None
        self.label, self.total, self.done, self.first = "", 1, 0, 0
        self.fields: dict[str, Any] = {}
        self.curve: list[float] = []

    def add_task(self, label: str, total: int, completed: int = 0, **fields: Any) -> int:
        """Begin; a bar has one task."""
        self.label, self.total, self.done, self.first, self.fields = label, total, completed, completed, fields
        self.began, self.curve = time.monotonic(), []
        return 0

    def start(self) -> None:
        """Show it."""
        shows: Any = import_module("IPython.display")
        self.handle = shows.display(shows.HTML(self.html()), display_id=True)
        self.shown = time.monotonic()

    def update(self, task: int, completed: int, **fields: Any) -> None:
        """Move it, and show that now and then."""
        self.done, self.fields = completed, {**self.fields, **fields}
        followed = self.fields.get("followed", math.nan)
        if math.isfinite(followed):
            self.curve.append(followed)
        if time.monotonic() - self.shown >= GAP:
            self._show()

    def stop(self) -> None:
        """Show where it ended."""
        self._show()

    def _show(self) -> None:
        if self.handle is not None:
            shows: Any = import_module("IPython.display")
            self.handle.update(shows.HTML(self.html()))
            self.shown = time.monotonic()

    def html(self) -> str:
        """The bar as it is."""
        text = self.figures.format(task=SimpleNamespace(fields=self.fields))
        return (
            '<div style="display:flex;gap:.8rem;align-items:center;flex-wrap:wrap;font-variant-numeric:tabular-nums">'
            f'<span>{escape(self.label)}</span><progress value="{self.done}" max="{max(self.total, 1)}"></progress>'
            f"<span>{self.done:,}/{self.total:,}</span><span>{escape(text)}</span><span>{self._left()}</span>"
            f"{sparkline(self.curve)}</div>"
        )

    def _left(self) -> str:
        """Seconds left, from the pace so far."""
        moved, spent = self.done - self.first, time.monotonic() - self.began
        if self.done >= self.total or not moved:
            return ""
        seconds = round(spent / moved * (self.total - self.done))
        return f"{seconds // 60} min {seconds % 60} s left" if seconds >= 60 else f"{seconds} s left"

    def __enter__(self) -> NotebookBar:
        """Shown once it has a task: see `start`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show where it ended, also after an exception."""
        self.stop()


def sparkline(values: Sequence[float]) -> str:
    """A small curve as SVG; nothing for fewer than two values."""
    if len(values) < 2:
        return ""
    step = max(1, math.ceil(len(values) / POINTS))
    kept = [*values[:-1:step], values[-1]]
    low, high = min(kept), max(kept)
    points = " ".join(
        f"{WIDE * i / (len(kept) - 1):.1f},{HIGH - 2 - (HIGH - 4) * (y - low) / ((high - low) or 1):.1f}"
        for i, y in enumerate(kept)
    )
    return (
        f'<svg width="{WIDE}" height="{HIGH}" role="img" aria-label="from {kept[0]:.4g} to {kept[-1]:.4g}">'
        f'<polyline points="{points}" fill="none" stroke="#0072B2" stroke-width="1.8"/></svg>'
    )
