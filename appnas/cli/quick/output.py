"""The commands by name; lines on standard output, and notes on standard error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

COMMANDS = {
    "list": "the methods, spaces and domains that there are: appnas list methods graph",
    "show": "what one of them is, when to use it, and its settings: appnas show method darts",
    "search": "search for an architecture: appnas search METHOD --domain NAME --space NAME",
    "resume": "go on with an interrupted search, or show what a finished one found",
    "retrain": "train what a search found from scratch, beside controls, and test it",
    "report": "write the report of a run: one HTML page",
    "watch": "show the report of a run in a browser while it grows",
    "compare": "put finished and retrained runs on one domain beside one another",
    "export": "write what a retrained run found as safetensors, arch.json and ONNX",
    "bench": "measure what one first-order search step costs",
    "eda": "chip design: make labelled placements with real tools, maps, predictions",
    "completion": "what lets a shell complete commands, names and flags: appnas completion bash",
}
"""Every command with one line about it."""
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
