"""Kinds of values, as functions that check one: what tables of keys are put together from.

A kind takes a value and its key, and raises `Unfit`.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

Kind = Callable[[Any, str], None]


class Unfit(ValueError):
    """A value that is not of its kind."""

    def __init__(self, key: str, value: Any, right: str):
        super().__init__(f"{key or 'it'} must be {right}, got {_short(value)}")


def _short(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of {value.dtype}, shape {tuple(value.shape)}"
    return reprlib.repr(value)


def integer(least: int = -(2**63), most: int = 2**63 - 1) -> Kind:
    """Whole numbers."""
    bounds = [f"of at least {least}"] * (least > -(2**63)) + [f"of at most {most}"] * (most < 2**63 - 1)
    right = " ".join(["an integer", " and ".join(bounds) or "of 64 bits"])

    def check(value: Any, key: str) -> None:
        if type(value) is not int or not least <= value <= most:
            raise Unfit(key, value, right)

    return check


def number(least: float = -math.inf, finite: bool = True) -> Kind:
    """Numbers; with finite=False also NaN and infinity, as a value or a metric may be."""
    right = ("a finite number" if finite else "a number") + ("" if least == -math.inf else f" of at least {least:g}")

    def check(value: Any, key: str) -> None:
        if type(value) is not float and type(value) is not int:
            raise Unfit(key, value, right)
        if (finite and not math.isfinite(value)) or value < least:
            raise Unfit(key, value, right)

    return check


def exactly(kind: type, right: str) -> Kind:
    """Values of one type."""

    def check(value: Any, key: str) -> None:
        if type(value) is not kind:
            raise Unfit(key, value, right)

    return check


def maybe(kind: Kind) -> Kind:
    """Nothing (null), or a kind."""

    def check(value: Any, key: str) -> None:
        if value is not None:
            kind(value, key)

    return check


def several(kind: Kind, least: int = 0) -> Kind:
    """Lists of a kind."""
    right = f"a list of at least {least}" if least else "a list"

    def check(value: Any, key: str) -> None:
        if type(value) is not list or len(value) < least:
            raise Unfit(key, value, right)
        try:
            for item in value:
                kind(item, key)
        except ValueError:  # to name every item of what fits would cost as much as the rest of the reading
            for index, item in enumerate(value):
                kind(item, f"{key}[{index}]")

    return check


def mapping(kind: Kind) -> Kind:
    """Objects whose values are of a kind, under any names."""

    def check(value: Any, key: str) -> None:
        if not isinstance(value, dict):
            raise Unfit(key, value, "an object")
        try:
            for item in value.values():
                kind(item, key)
        except ValueError:
            for name, item in value.items():
                kind(item, f"{key}.{name}" if key else str(name))

    return check


def record(needed: Mapping[str, Kind], optional: Mapping[str, Kind] | None = None) -> Kind:
    """Objects with given keys."""
    every = {**needed, **(optional or {})}

    def check(value: Any, key: str) -> None:
        if not isinstance(value, dict):
            raise Unfit(key, value, f"an object with {', '.join(needed) or 'keys'}")
        if lost := [name for name in needed if name not in value]:
            raise ValueError(f"{key or 'it'} does not tell {', '.join(lost)}")
        for name, kind in every.items():
            if name in value:
                kind(value[name], f"{key}.{name}" if key else name)

    return check


def anything(value: Any, key: str) -> None:
    """Whatever there is."""


def random_state(value: Any, key: str) -> None:
    """States of torch's random generator."""
    size = torch.get_rng_state().numel()
    if not isinstance(value, Tensor) or value.dtype != torch.uint8 or value.shape != (size,):
        raise Unfit(key, value, f"a random state of {size} bytes")


def tensor(value: Any, key: str) -> None:
    """Tensors."""
    if not isinstance(value, Tensor):
        raise Unfit(key, value, "a tensor")


TEXT, FLAG, OBJECT = exactly(str, "a text"), exactly(bool, "true or false"), mapping(anything)
COUNT, SEED, ANY_NUMBER = integer(0), integer(), number(finite=False)


def named(fields: str) -> Kind:
    """Spaces and domains: a name with its fields, or the words for one of the user's own without a name."""
    more = {"fingerprint": TEXT, "tune": OBJECT}
    own = record({"name": anything, "repr": TEXT}, more)
    known = record({"name": TEXT, fields: OBJECT}, {**more, "folder": TEXT, "repr": TEXT})

    def check(value: Any, key: str) -> None:
        (own if isinstance(value, dict) and value.get("name", "") is None else known)(value, key)

    return check
