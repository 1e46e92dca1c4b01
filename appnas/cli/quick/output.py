"""Lines on standard output, and notes on standard error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

console = Console()
errors = Console(stderr=True)


def line(text: str) -> None:
    """One line on standard output, as it is."""
    console.print(Text(text), soft_wrap=True)


def note(text: str, style: str = "dim") -> None:
    """One line on standard error."""
    errors.print(Text(" ".join(text.split()), style), soft_wrap=True)


def lines(text: Sequence[str]) -> None:
    """Lines on standard error, as they are: a traceback of the user's own code."""
    for each in text:
        errors.print(Text(each, "dim"), soft_wrap=True)


def columns(title: str, rows: Iterable[Sequence[str]]) -> None:
    """A title and its rows, indented: the first cell in one piece, the others wrapped where the terminal ends.

    Args:
        title: above them.
        rows: cells, the same number each.
    """
    made = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    made.add_column()
    made.add_column(no_wrap=True)
    for row in rows:
        made.add_row("", *(Text(cell) for cell in row))
    line(title)
    console.print(made)


def told(error: BaseException) -> str:
    """An error in words: what the system says of a file, without its number."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        other = f" to {error.filename2}" if error.filename2 is not None else ""
        return f"{error.filename}{other}: {error.strerror[0].lower()}{error.strerror[1:]}"
    return str(error) or repr(error)
