"""Settings as plain data, what JSON can hold, and back by their types."""

from __future__ import annotations

import dataclasses
import enum
import functools
import hashlib
import math
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, Union

T = TypeVar("T")
MOST = 10_000
"""Numbers of an array that tell a function from another one."""


@dataclasses.dataclass(frozen=True)
class Nothing:
    """The settings of what has none."""


def itself(thing: T) -> T:
    """The same."""
    return thing


def plain(value: Any) -> Any:
    """Dataclasses as dictionaries, tuples as lists, classes as MODULE:NAME: what JSON can hold."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, type):
        return f"{value.__module__}:{value.__qualname__}"
    return value.tolist() if hasattr(value, "tolist") else value


def code_of(thing: Any) -> str:
    """A text that tells a user's function or object from another one: its name, and what it does or holds.

    Of a function that is its code, the constants in it, its defaults and what it closes over; of a partial its function
    and arguments; of a method or another object its public attributes. Of these, plain values, containers and callables
    of such, and arrays of up to `MOST` numbers count whole, anything else by its type. None is no text.
    """
    return thing or "" if thing is None or isinstance(thing, str) else _code(thing, ())


def _code(thing: Any, within: tuple[int, ...]) -> str:
    """The same, within what is being told."""
    say = functools.partial(_said, within=(*within, id(thing)))
    if isinstance(thing, functools.partial):
        return f"{say(thing.func)} {_short(say([thing.args, thing.keywords]))}"
    name, code = getattr(thing, "__qualname__", type(thing).__qualname__), getattr(thing, "__code__", None)
    if code is None:
        public = {} if isinstance(thing, type) else _public(thing)
        return f"{name} {_short(say(public))}" if public else f"{name}"
    cells = [cell.cell_contents for cell in thing.__closure__ or ()]
    values = [value for value in cells if isinstance(value, bool | int | float | str | tuple)]
    own = _public(thing.__self__) if hasattr(thing, "__self__") else {}
    rest = [value for value in cells if value is not None and not isinstance(value, bool | int | float | str | tuple)]
    more = [part for part in (thing.__defaults__, thing.__kwdefaults__, rest, own) if part]
    return f"{name} {_short(f'{_constants(code)} {values}' + (say(more) if more else ''))}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _public(thing: Any) -> dict[str, Any]:
    return {name: value for name, value in getattr(thing, "__dict__", {}).items() if not name.startswith("_")}


def _said(value: Any, within: tuple[int, ...] = ()) -> str:
    """A value as a text that is the same in every process."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return repr(value)
    if id(value) in within:
        return "itself"
    say = functools.partial(_said, within=(*within, id(value)))
    if isinstance(value, Mapping):
        return f"{sorted(f'{say(key)}: {say(item)}' for key, item in value.items())}"
    if isinstance(value, set | frozenset):
        return f"{sorted(map(say, value))}"
    if isinstance(value, list | tuple):
        return f"{[*map(say, value)]}"
    if hasattr(value, "tolist") and hasattr(value, "shape"):
        return say(value.tolist()) if math.prod(value.shape) <= MOST else f"{type(value).__name__} {value.shape}"
    if isinstance(value, Path | enum.Enum) or (dataclasses.is_dataclass(value) and not callable(value)):
        return f"{type(value).__qualname__} {say(plain(value))}"
    return _code(value, within) if callable(value) else type(value).__qualname__


def _constants(code: types.CodeType) -> list[Any]:
    """What code does, as a list whose text is the same in every process: that of a set depends on its hashes."""
    inside = [
        _constants(part) if isinstance(part, types.CodeType)
        else sorted(map(repr, part)) if isinstance(part, frozenset) else part
        for part in code.co_consts
    ]  # fmt: skip
    return [code.co_code.hex(), code.co_names, inside]


def from_plain(kind: Any, value: Any) -> Any:
    """The inverse of `plain`, guided by a type.

    Raises:
        ValueError: a field that the dataclass does not have.
        TypeError: a value that is not of its type; the message names the field.
    """
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = typing.get_type_hints(kind)
        if not isinstance(value, Mapping):
            raise TypeError(f"{kind.__name__} has the fields {sorted(hints)}, got {value!r:.80}")
        unknown = set(value) - set(hints)
        if unknown:
            raise ValueError(f"{kind.__name__} has the fields {sorted(hints)}, got {sorted(unknown)}")
        fields = {}
        for name, item in value.items():
            try:
                fields[name] = from_plain(hints[name], item)
            except TypeError as error:
                raise TypeError(f"{kind.__name__}.{name}: {error}") from None
        return kind(**fields)
    if origin in (Union, types.UnionType):
        filled = [option for option in inner if option is not type(None)]
        return None if value is None else from_plain(filled[0], value)
    if origin is tuple:
        many = isinstance(value, list | tuple)
        if not many or (inner[-1] is not Ellipsis and len(value) != len(inner)):
            count = "" if inner[-1] is Ellipsis else f"of {len(inner)} "
            raise TypeError(f"a list {count}is right, got {value!r:.80}")
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else inner
        return tuple(from_plain(k, item) for k, item in zip(kinds, value, strict=True))
    return _of(kind, value)


def _of(kind: Any, value: Any) -> Any:
    """A value of a plain type; whole numbers are numbers, but true and false are neither."""
    if isinstance(kind, type) and isinstance(value, str) and issubclass(kind, Path | enum.Enum):
        if issubclass(kind, enum.Enum) and value not in kind.__members__:
            raise ValueError(f"one of {', '.join(kind.__members__)} is right, got {value!r:.80}")
        return kind(value) if issubclass(kind, Path) else kind[value]
    fits = {int: (int,), float: (int, float), str: (str,), bool: (bool,)}.get(kind)
    if fits is None:
        return value
    if type(value) not in fits or (type(value) is int and abs(value) >= 2**63):
        what = {int: "an integer", float: "a number", str: "a text", bool: "true or false"}[kind]
        raise TypeError(f"{what} is right, got {value!r:.80}")
    return value
