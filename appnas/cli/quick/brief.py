"""The help of a search that fits on a screen: the method's own settings first, what every search has below."""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from collections.abc import Iterable
from typing import Any

from rich.text import Text

from appnas.cli.quick import output
from appnas.cli.quick.fields import Setting, settings
from appnas.methods import METHODS

GROUPS = {
    "the run": ("out", "seed", "seeds", "rank_epochs", "tune", "watch"),
    "beside it": ("control", "retrain_epochs", "beside"),
    "workers": ("workers", "asks", "cluster", "timeout", "max_failures", "max_failure_share"),
    "machine": ("device", "precision", "compile", "threads", "processes", "norms"),
}
"""What every search takes, by what it is for."""


def brief(name: str, options: type, space: tuple[str, type, Any], domain: tuple[str, type, Any]) -> None:
    """Print the help of a search.

    Args:
        name: of the method.
        options: the dataclass of what every search takes.
        space: its name, the dataclass of its settings, and these, if they have defaults.
        domain: the same.
    """
    method = METHODS[name]
    output.line(f"usage: appnas search {name} [--space NAME] [--domain NAME] [FLAGS]\n")
    output.line(method.paper)
    output.line(
        textwrap.fill(f"When to use it: {method.when}. All about it: appnas show method {name}", _width()) + "\n"
    )
    output.line(f"{name}:")
    own = list(settings(method.config))
    wide = min(max((len(_flag(each)) for each in own), default=0), 28)
    for each in own:
        _cut(f"  {_flag(each):<{wide}}  {each.about}")
    for what, (chosen, kind, given) in {"space": space, "domain": domain}.items():
        output.line(f"--{what} {chosen} (appnas list {what}s; or your own, MODULE:NAME):")
        _paragraph("    ", settings(kind, given, f"{what}."))
    known = {each.flag: each for each in settings(options)}
    for group, names in GROUPS.items():
        _paragraph(f"{group}: ", (known[f"--{field}".replace("_", "-")] for field in names))
    output.line(f"\nWhat each of these says: appnas search {name} --help-all")


def _flag(setting: Setting) -> str:
    return f"{setting.flag} {setting.value}".rstrip()


def _width() -> int:
    """Of the terminal; a pipe's reader may have more room."""
    return output.console.width if output.console.is_terminal or "COLUMNS" in os.environ else 120


def _cut(text: str) -> None:
    """One line, up to the end of the terminal."""
    output.console.print(Text(text), no_wrap=True, overflow="ellipsis", width=_width())


def _paragraph(title: str, several: Iterable[Setting], indent: str = "    ") -> None:
    """Flags with their defaults side by side; settings within a setting as one."""
    flags, inner = [], Counter[str]()
    for each in several:
        outer, dot, _ = each.flag.partition(".")[2].partition(".")
        flags += [f"{each.flag} {each.value}".rstrip()] * (not dot)
        inner[f"{each.flag.partition('.')[0]}.{outer}.*"] += bool(dot)
    flags += [f"{flag} ({count} settings)" for flag, count in inner.items() if count]
    text = ", ".join(flag.replace(" ", "\0", 1 + 2 * (flag.count(" ") < 4)) for flag in flags)  # kept with their values
    for line in textwrap.wrap(
        text, max(_width() - len(indent), 20), initial_indent=title, subsequent_indent=indent, break_on_hyphens=False,
        break_long_words=False,
    ):  # fmt: skip
        output.line(line.replace("\0", " "))
