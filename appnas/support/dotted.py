"""Things of the user's own by dotted names, MODULE:NAME, and the settings that they take as a dataclass."""

from __future__ import annotations

import copy
import dataclasses
import difflib
import importlib
import inspect
import os
import sys
import sysconfig
import traceback
import typing
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from appnas.support.plain import Nothing, itself


class AbsentError(ValueError):
    """What is asked for is not there: it cannot be imported, or was never kept."""


def close(name: str, names: Iterable[str]) -> str:
    """The nearest name as a hint; nothing if none is near."""
    found = difflib.get_close_matches(name, list(names), 1, 0.5)
    return f"; did you mean {found[0]!r}?" if found else ""


def imported(name: str, folder: str = "") -> Any:
    """What stands under a dotted name.

    It is looked for in `folder`, then where Python is running, then where Python looks; what else a module needs of
    those two folders, now or later, is found after everything installed.

    Args:
        name: MODULE:NAME, of which either may have dots: package.module:Class.Inner.
        folder: where it was imported from the last time, if that is known.

    Raises:
        AbsentError: no such module, or nothing of that name in it, or the module raises when it is imported.
    """
    module_name, _, inside = name.partition(":")
    if not all(part.isidentifier() for part in (*module_name.split("."), *inside.split("."))):
        raise AbsentError(f"what is your own is named MODULE:NAME, as Python imports it: mine:Net, got {name!r}")
    if module_name.partition(".")[0] in sys.stdlib_module_names:
        raise AbsentError(f"{module_name} is of Python's standard library, which holds no spaces and domains")
    module = _module(module_name, folder)
    found = module
    for part in inside.split("."):
        if not hasattr(found, part):
            there = [n for n, value in vars(module).items() if getattr(value, "__module__", "") == module_name]
            hint = close(part, dir(found)) or (f"; it has {', '.join(there)}" if there else "")
            raise AbsentError(f"{module_name} ({getattr(module, '__file__', 'built in')}) has no {part!r}{hint}")
        found = getattr(found, part)
    return found


def _module(name: str, folder: str) -> Any:
    if name in sys.modules:
        return sys.modules[name]
    folders = [path for path in dict.fromkeys((folder, os.getcwd())) if path and Path(path).is_dir()]
    try:
        with _searched(folders):
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name + ".").startswith(error.name + "."):
            raise AbsentError(f"importing {name} fails: {error}") from error
        hint = close(name, [path.stem for path in Path.cwd().glob("*.py")]) or (
            f"; write it as {name[:-3]}:..." if name.endswith(".py") else ""
        )
        raise AbsentError(
            f"there is no module {name!r} in {' or '.join(folders)}, nor where Python looks{hint or ': '}"
            f"{'' if hint else 'start from the folder that holds it, or name that folder in PYTHONPATH'}"
        ) from error
    except (Exception, SystemExit) as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "importlib" not in f.filename]
        place = f" ({frames[-1].filename}, line {frames[-1].lineno})" if len(frames) > 1 else ""
        said = " ".join(str(error).split())[:300]
        raise AbsentError(f"importing {name} raises {type(error).__name__}{said and ': ' + said}{place}") from error


@contextmanager
def _searched(folders: list[str]) -> Iterator[None]:
    """Python looks in these folders first, and afterwards last: their files must not hide what is imported later."""
    sys.path[:0] = folders
    importlib.invalidate_caches()
    try:
        yield
    finally:
        for path in folders:
            sys.path.remove(path)
        sys.path += [path for path in folders if path not in sys.path]


def home_of(name: str) -> str:
    """The folder that the module of a dotted name was imported from; empty for one that is installed."""
    module = sys.modules.get(name.partition(":")[0])
    file = getattr(module, "__file__", None)
    if module is None or file is None:
        return ""
    root = Path(file).resolve().parents[str(module.__name__).count(".") + hasattr(module, "__path__")]
    installed = [Path(path).resolve() for path in set(sysconfig.get_paths().values())]
    return "" if root in installed else str(root)


def dotted_name(kind: type) -> str | None:
    """The dotted name of a class; None for one that cannot be imported by it: of a script, or made in a function."""
    name = f"{kind.__module__}:{kind.__qualname__}"
    if kind.__module__ == "__main__" or "<" in name:
        return None
    found: Any = sys.modules.get(kind.__module__)
    for part in kind.__qualname__.split("."):
        found = getattr(found, part, None)
    return name if found is kind else None


Arguments = tuple[list[Any], dict[str, Any]]


class Maker(typing.NamedTuple):
    """Something, and how it is made.

    Attributes:
        target: what is called for it.
        kind: the dataclass of its settings.
        options: the settings that it has unless told; None where one has no default.
        about: its first line.
        arguments: settings -> what the target is called with.
        sized: the parameter that takes the sizes of a domain, its `io`; empty if there is none.
    """

    target: Callable[..., Any]
    kind: type
    options: Any
    about: str
    arguments: Callable[[Any], Arguments] = lambda settings: ([settings], {})
    sized: str = ""

    def make(self, settings: Any, io: Any = None) -> Any:
        """It, by its settings, and by the sizes of a domain if it asks for them."""
        args, named = self.arguments(settings)
        return self.target(*args, **named, **({self.sized: io} if self.sized else {}))


def maker(target: Any, name: str) -> Maker:
    """How a class or a function makes something, and the dataclass of the settings that it takes.

    These are the fields of a dataclass, the one dataclass that is a callable's only parameter, or else a callable's
    parameters, each annotated, or with a default whose type says what it is. A parameter `io`, or annotated with `IO`,
    is no setting: it takes the sizes of a domain.

    Args:
        target: a class or a function.
        name: what messages call it.

    Raises:
        TypeError: a parameter without annotation and default, or with an annotation that cannot be read.
    """
    about = (inspect.getdoc(target) or "").partition("\n")[0]
    if isinstance(target, type) and dataclasses.is_dataclass(target):
        return Maker(itself, target, _default(target), about)
    every = _parameters(target, name)
    sized = next((p.name for p in every if _is_io(p)), "")
    parameters = [p for p in every if p.name != sized]
    first = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
    if len(parameters) == 1 and dataclasses.is_dataclass(kind := parameters[0].annotation):
        (only,) = parameters
        assert isinstance(kind, type)
        options = _default(kind) if only.default is only.empty else only.default
        whole: Callable[[Any], Arguments] = lambda s: ([s], {}) if first else ([], {only.name: s})  # noqa: E731
        return Maker(target, kind, options, about, whole, sized)

    def arguments(settings: Any) -> Arguments:
        given = {p.name: getattr(settings, p.name) for p in parameters}
        return [given.pop(n) for n in first], given

    fields = [(p.name, p.annotation, _field(p.default)) for p in parameters]
    kind = dataclasses.make_dataclass(f"{target.__name__}Settings", fields, frozen=True, kw_only=True)
    kind.__doc__ = about
    kind.__reduce__ = lambda s: (_settings, (target, name, {p.name: getattr(s, p.name) for p in parameters}))  # type: ignore[assignment, misc]
    return Maker(target, kind, _default(kind), about, arguments, sized)


def _settings(target: Any, name: str, values: dict[str, Any]) -> Any:
    """Settings of a kind that was made for a callable, out of a pickle."""
    return maker(target, name).kind(**values)


def _is_io(parameter: inspect.Parameter) -> bool:
    return parameter.name == "io" or getattr(parameter.annotation, "__name__", "") == "IO"


def _parameters(target: Any, name: str) -> list[inspect.Parameter]:
    """The parameters of a callable with types for annotations."""
    function = getattr(target, "__init__") if isinstance(target, type) else target  # noqa: B009  (of a class)
    try:
        hints = typing.get_type_hints(getattr(function, "func", function))
        listed = inspect.signature(target).parameters.values()
    except (NameError, TypeError, ValueError, AttributeError) as error:
        raise TypeError(f"the parameters of {name} cannot be read: {error}") from error
    found = []
    for p in listed:
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            continue
        if p.name not in hints and p.name != "io" and (p.default is p.empty or p.default is None):
            raise TypeError(f"parameter {p.name!r} of {name} needs an annotation, such as {p.name}: int = 8")
        found.append(p.replace(annotation=hints.get(p.name, type(p.default))))
    return found


def _field(default: Any) -> Any:
    if default is inspect.Parameter.empty:
        return dataclasses.field()
    return dataclasses.field(default_factory=lambda: copy.copy(default))


def required(kind: type) -> list[str]:
    """The fields of a dataclass that have no default."""
    gone = dataclasses.MISSING
    fields = [f for f in dataclasses.fields(kind) if f.init]
    return [f.name for f in fields if f.default is gone and f.default_factory is gone]


def _default(kind: type) -> Any:
    return None if required(kind) else kind()


MEMBERS = {"space": "choices", "domain": "score"}
"""By what a space or a domain of the user's own is known."""


def maker_of(what: str, name: str, folder: str = "") -> Maker:
    """How something under a dotted name is made: by a class, by a function, or it is there already.

    Args:
        what: "space" or "domain".
        name: MODULE:NAME, of such a class, instance or function, or of an `appnas.domains.Source`.
        folder: see `imported`.

    Raises:
        AbsentError: it cannot be imported.
        TypeError: it is none of these, or its parameters cannot be read.
    """
    thing = imported(name, folder)
    if isinstance(thing, tuple) and hasattr(thing, "make") and hasattr(thing, "options"):
        return Maker(thing.make, type(thing.options), thing.options, getattr(thing, "about", ""))
    if not isinstance(thing, type) and hasattr(thing, MEMBERS[what]):
        return Maker(lambda: thing, Nothing, Nothing(), "", lambda settings: ([], {}))
    if not isinstance(thing, type) and not inspect.isroutine(thing) and not hasattr(thing, "func"):
        raise TypeError(
            f"{name} is of the type {type(thing).__name__}: a {what} is given by its class, an instance of it, or a"
            " function that returns one"
        )
    return maker(thing, name)


def made_by(entry: Maker, options: Any, what: str, name: str, io: Any = None) -> Any:
    """What an entry makes of options, by default its own, and of a domain's sizes.

    Raises:
        ValueError: none were given, and some have no default; or no sizes, and it takes them.
    """
    if entry.sized and io is None:
        raise ValueError(f"{name} takes the sizes of a domain, {entry.sized}: give a domain with data, no table")
    options = entry.options if options is None else options
    if options is None:
        raise ValueError(lacks(entry, what, name))
    return entry.make(options, io)


def lacks(entry: Maker, what: str, name: str) -> str:
    """Which options of an entry have no default, and how they are given."""
    gone = required(entry.kind)
    return (
        f"{name} needs {', '.join(map(repr, gone))}, without a default: give --{what}.{gone[0].replace('_', '-')}, or"
        f" from Python the {what} itself"
    )


def marked(made: Any, options: Any, what: str, name: str, sizes: Any = None) -> Any:
    """The same with `catalogue_name`, `catalogue_options` and `catalogue_sizes`, by which a run remembers it.

    Raises:
        TypeError: it is something else than it should be.
    """
    if isinstance(made, type) or not hasattr(made, MEMBERS[what]):
        kind = made.__name__ if isinstance(made, type) else type(made).__name__
        raise TypeError(f"{name} gives {kind}, which is no {what}: an instance with {MEMBERS[what]!r} is right")
    if hasattr(made, "__dict__"):
        object.__setattr__(made, "catalogue_name", name)  # it may be a frozen dataclass
        object.__setattr__(made, "catalogue_options", options)
        object.__setattr__(made, "catalogue_sizes", sizes)
    return made
