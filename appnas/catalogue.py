"""Names of methods, spaces and domains: the one module of the core that sees all three packages."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Union

from appnas.methods import METHODS, Method


def nearest(kind: str, name: str, valid: Iterable[str]) -> str:
    """The name itself.

    Raises:
        ValueError: unknown; the message lists the valid names and the nearest one.
    """
    names = sorted(valid)
    if name in names:
        return name
    close = difflib.get_close_matches(name, names, 1, 0.5)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"there is no {kind} {name!r}, there are: {', '.join(names)}{hint}")


def method(name: str) -> Method:
    """A method by name.

    Raises:
        ValueError: unknown.
    """
    return METHODS[nearest("method", name, METHODS)]


def space_type(name: str) -> type:
    """A space's class by name.

    Raises:
        ValueError: unknown.
    """
    from appnas.spaces import SPACES

    return SPACES[nearest("space", name, SPACES)]


def source(name: str) -> Any:
    """A named data set: an `appnas.domains.Source`.

    Raises:
        ValueError: unknown.
    """
    from appnas.domains import DOMAINS

    return DOMAINS[nearest("domain", name, DOMAINS)]


def domain(name: str, options: Any = None) -> Any:
    """A domain by name.

    Args:
        name: of the catalogue.
        options: its options; None for the defaults.

    Raises:
        ValueError: unknown.
    """
    entry = source(name)
    made = entry.make(options or entry.options)
    made.name = name
    return made


def plain(value: Any) -> Any:
    """Dataclasses as dictionaries, tuples as lists: what JSON can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return value.tolist() if hasattr(value, "tolist") else value


def from_plain(kind: Any, value: Any) -> Any:
    """The inverse of `plain`, guided by a type.

    Raises:
        ValueError: a field that the dataclass does not have.
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        unknown = set(value) - set(hints)
        if unknown:
            raise ValueError(f"{kind.__name__} has the fields {sorted(hints)}, got {sorted(unknown)}")
        return kind(**{name: from_plain(hints[name], item) for name, item in value.items()})
    if origin in (Union, types.UnionType):
        filled = [option for option in inner if option is not type(None)]
        return None if value is None else from_plain(filled[0], value)
    if origin is tuple:
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        return tuple(from_plain(k, item) for k, item in zip(kinds, value, strict=True))
    return value
