"""Settings that are checked when they are made."""

from __future__ import annotations

import dataclasses
import difflib
import typing
from typing import Any

HELD = 1_000_000
"""Largest number of architectures that are made at once: more take gigabytes."""


def held(settings: Any, *names: str) -> None:
    """Check counts of architectures that are held in memory at once.

    Raises:
        ValueError: more than there is room for.
    """
    for name in names:
        if (count := getattr(settings, name)) > HELD:
            raise ValueError(
                f"{type(settings).__name__}.{name} counts architectures that are held in memory at once:"
                f" at most {HELD:,}, got {count:,}"
            )


def check(settings: Any, **least: float) -> None:
    """Check a dataclass: fields of literals hold one of them, named fields are at least so large.

    Args:
        settings: the dataclass, typically in its own `__post_init__`.
        least: field -> smallest allowed value.

    Raises:
        ValueError: what holds what, and what it may hold.
    """
    kind = type(settings)
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(settings):
        value, hint = getattr(settings, field.name), hints[field.name]
        options = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()
        if options and value not in options:
            close = difflib.get_close_matches(str(value), options, 1, 0.5)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"{kind.__name__}.{field.name} is one of {options}, got {value!r}{meant}")
        if field.name in least and not value >= least[field.name]:
            raise ValueError(f"{kind.__name__}.{field.name} must be at least {least[field.name]}, got {value!r}")
