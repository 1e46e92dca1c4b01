"""`appnas show method|space|domain NAME`: what one thing is, when to use it, and its settings with their defaults."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from typing import Any

from tyro.conf import Positional

from appnas.cli.quick import output
from appnas.cli.quick.fields import settings
from appnas.cli.quick.listing import KINDS, entries, plural
from appnas.methods import METHODS, NEEDS
from appnas.spaces import SPACES
from appnas.support.dotted import close


@dataclass(frozen=True)
class Show:
    """Say what a method, a space or a domain is, when to use it, and what can be set."""

    what: Positional[tuple[str, ...]]
    """Method, space or domain, and its name; the name alone suffices."""

    def run(self) -> None:
        """Print it.

        Raises:
            ValueError: no such thing.
        """
        kind, name = meant(self.what)
        {"methods": method, "spaces": space, "domains": domain}[kind](name)


def meant(words: tuple[str, ...]) -> tuple[str, str]:
    """The kind and the name that are meant.

    Raises:
        ValueError: no such kind, or nothing of that name.
    """
    if not 1 <= len(words) <= 2:
        raise ValueError(f"show takes a kind and a name, method darts, got {' '.join(words) or 'nothing'}")
    if len(words) == 2 and plural(words[0]) not in KINDS:
        kinds = [kind[:-1] for kind in KINDS]
        raise ValueError(f"show knows {', '.join(kinds)}, got {words[0]!r}{close(words[0], kinds)}")
    name, kinds = words[-1], [plural(words[0])] if len(words) == 2 else [*KINDS]
    known = entries()
    for kind in kinds:
        if name in known[kind]:
            return kind, name
    what = " or ".join(kind[:-1] for kind in kinds)
    hint = close(name.lower(), [name for kind in kinds for name in known[kind]])
    raise ValueError(f"there is no {what} {name!r}: see appnas list{hint}")


def method(name: str) -> None:
    """Paper, equation, when to use it, settings."""
    chosen = METHODS[name]
    output.line(chosen.paper)
    module = importlib.import_module(chosen.search.__module__)
    text = inspect.getdoc(chosen.search) if ":" in chosen.module else inspect.getdoc(module)
    output.line(f"\n{text}\n")
    output.line(f"when to use it: {chosen.when}")
    output.line(f"needs {chosen.needs}: it {NEEDS[chosen.needs]}")
    output.line(f"strategy: {chosen.strategy}; estimation: {chosen.estimation}\n")
    _settings(chosen.config)
    output.line(f"next: appnas search {name} --help, which has what every search takes, too")


def space(name: str) -> None:
    """What it is, its size, its settings."""
    kind = SPACES[name]
    size = SPACES.said[name].size
    output.line(f"{SPACES.said[name].about}: {size:,} architectures" if size < 1e9 else SPACES.said[name].about)
    output.line(f"\n{inspect.getdoc(kind)}\n")
    _settings(kind, prefix="space.")
    output.line(f"next: appnas search evolution --space {name}")


def domain(name: str) -> None:
    """What it is, and its settings."""
    from appnas.run import catalogue

    source = catalogue.source(name)
    output.line(f"{source.about}\n")
    if source.options is not None:
        _settings(type(source.options), source.options, "domain.")
    held = catalogue.table_space(name)
    output.line(f"next: appnas search evolution --domain {name}" + (f" (space {held})" if held else " --space SPACE"))


def _settings(kind: Any, given: Any = None, prefix: str = "") -> None:
    if found := list(settings(kind, given, prefix)):
        output.columns("settings and their defaults", found)
