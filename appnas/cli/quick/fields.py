"""The settings of a dataclass as the command line shows them: flags, defaults, and the words below every field."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
import typing
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple


class Setting(NamedTuple):
    """One setting.

    Attributes:
        flag: with its dashes and prefix.
        value: its default, as one writes it after the flag; empty for none, or where the flag alone says it.
        about: what its docstring says, after the options of one that has some.
    """

    flag: str
    value: str
    about: str


def settings(kind: type, given: Any = None, prefix: str = "") -> Iterator[Setting]:
    """The settings of a dataclass, those of dataclasses inside it, too.

    Args:
        kind: the dataclass.
        given: an instance with the defaults; by default those of the class.
        prefix: before every flag, "space." for example.
    """
    about, hints = documented(kind), typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if not field.init or field.name == "mask":  # a space's mask has no flag
            continue
        value = getattr(given, field.name) if given is not None else default(field)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            yield from settings(type(value), value, f"{prefix}{field.name}.")
            continue
        flag, hint = f"--{prefix}{field.name}".replace("_", "-"), hints[field.name]
        options = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()
        said = f"{'|'.join(map(str, options))}: " * bool(options) + about.get(field.name, "")
        off = f"--{prefix}no-{field.name}".replace("_", "-")
        yield Setting(flag, f"on ({off})" if value is True else written(value), said)


def default(field: Any) -> Any:
    """The default of a dataclass's field; `dataclasses.MISSING` for none."""
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def written(value: Any) -> str:
    """A value as one writes it after its flag."""
    if value is None or value is False or value is dataclasses.MISSING:
        return ""
    if isinstance(value, list | tuple):
        return " ".join(map(written, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def documented(kind: type) -> dict[str, str]:
    """What stands below every field of a dataclass and of its bases; a class without source says nothing."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if not dataclasses.is_dataclass(base):
            continue
        try:
            body = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0]
        except (OSError, TypeError):  # made by a function
            continue
        lines = body.body if isinstance(body, ast.ClassDef) else []
        for field, after in pairwise(lines):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
            ):
                found[ast.unparse(field.target)] = inspect.cleandoc(str(after.value.value)).replace("\n", " ")
    return found
