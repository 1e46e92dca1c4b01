"""Settings that are checked when they are made."""

from __future__ import annotations

import dataclasses
import difflib
import math
import numbers
import typing
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

HELD = 1_000_000
"""Largest number of architectures that are made at once: more take gigabytes."""

LARGEST: dict[str, float] = {
    "nodes": 64, "cells": 1000, "depth": 1000, "repeats": 1000, "layers": 1000, "branches": 1000, "blocks": 1000,
    "channels": 2**24, "width": 2**24, "hidden": 16_384, "grid": 4096, "each": 100_000, "jobs": 1024,
    "momentum": 1, "dropout": 1, "drop_path": 1,
    "smoothing": 1, "crop": 1024,
}  # fmt: skip
"""What fields of these names are at most, wherever they are: a larger network is built for hours before memory ends."""
KINDS = {int: (numbers.Integral, "an integer"), float: (numbers.Real, "a number"), str: (str, "a text"),
         bool: (bool, "true or false")}  # fmt: skip


def held(settings: Any, *names: str) -> None:
    """Check counts of architectures that are held in memory at once.

    Raises:
        ValueError: more than there is room for.
    """
    check(settings)
    for name in names:
        if (count := getattr(settings, name)) > HELD:
            raise ValueError(
                f"{type(settings).__name__}.{name} counts architectures that are held in memory at once:"
                f" at most {HELD:,}, got {count:,}"
            )


def within(settings: Any, *names: str, total: str = "evaluations") -> None:
    """Check that counts are reached at all. The paper's own, the default, may be larger in a short trial.

    Raises:
        ValueError: it is larger than the total.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(settings)}
    for name in names:
        count, most = getattr(settings, name, 0), getattr(settings, total, math.inf)
        if count > most and count != defaults[name]:
            raise ValueError(f"{type(settings).__name__}.{name} must be at most {total}, which is {most}, got {count}")


def check(settings: Any, **least: float) -> None:
    """Check a dataclass: fields are of their types, of possible size, one of their literals, and at least so large.

    Args:
        settings: the dataclass, typically in its own `__post_init__`.
        least: field -> smallest allowed value.

    Raises:
        TypeError: a field of another type.
        ValueError: what holds what, and what it may hold.
    """
    kind = type(settings)
    hints = typing.get_type_hints(kind)
    for field in dataclasses.fields(settings):
        value, hint, name = getattr(settings, field.name), hints[field.name], f"{kind.__name__}.{field.name}"
        options = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()
        if options and value not in options:
            close = difflib.get_close_matches(str(value), options, 1, 0.5)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"{name} is one of {options}, got {value!r}{meant}")
        typed(name, hint, value)
        if field.name in least and not value >= least[field.name]:
            raise ValueError(f"{name} must be at least {least[field.name]}, got {value!r}")
        if field.name == "ops" and len(set(value)) < len(value):
            raise ValueError(f"{name} names everything once, got {value}")
        if isinstance(value, numbers.Real):
            _sized(name, value, LARGEST.get(field.name, math.inf), field.default)


def checked(**least: float) -> Callable[[type[T]], type[T]]:
    """Decorate a dataclass, below `@dataclass`: `check` runs when it is made, and before its own `__post_init__`.

    Args:
        least: field -> smallest allowed value.
    """

    def decorate(kind: type[T]) -> type[T]:
        own = kind.__dict__.get("__post_init__")

        def __post_init__(self: Any) -> None:
            if not own and hasattr(super(kind, self), "__post_init__"):
                super(kind, self).__post_init__()
            check(self, **least)
            if own:
                own(self)

        kind.__post_init__ = __post_init__  # type: ignore[attr-defined]
        return kind

    return decorate


def typed(name: str, hint: Any, value: Any) -> None:
    """Check a value of a plain type, of a dataclass, or a tuple.

    Raises:
        TypeError: it is of another type.
    """
    if typing.get_origin(hint) is tuple and not isinstance(value, tuple | list):
        raise TypeError(f"{name} must be a tuple, got {value!r:.80}")
    if isinstance(hint, type) and dataclasses.is_dataclass(hint) and not isinstance(value, hint):
        other = type(value)
        same = f": those of {other.__module__} are of another field" if other.__name__ == hint.__name__ else ""
        right = f"{hint.__module__}.{hint.__name__}" if same else f"a {hint.__name__}"
        raise TypeError(f"{name} must be {right}, got {value!r:.80}{same}")
    if hint in KINDS:
        fits, right = KINDS[hint]
        if not isinstance(value, fits) or (isinstance(value, bool) and hint is not bool):
            raise TypeError(f"{name} must be {right}, got {value!r:.80}")


def _sized(name: str, value: Any, largest: float, default: Any) -> None:
    """Check that a number is one that can be computed with; an infinite default means something."""
    if value == default:
        return
    if isinstance(value, numbers.Integral):
        largest = min(largest, 2**63 - 1)
    elif not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    if value < -(2**63):
        raise ValueError(f"{name} must be at least -2^63, got {value:,}")
    if value > largest:
        raise ValueError(f"{name} must be at most {largest:,}, got {value:,}")
