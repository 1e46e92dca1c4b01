"""What is imported when it is asked for: the names of a package, and the things of a catalogue.

As scientific Python's SPEC 1 has it (lazy loading of submodules and functions, scientific-python.org/specs/spec-0001).
Nothing here imports anything heavy, so that what only wants to know names need not wait for torch.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


def lazily(package: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package that imports its names, and its submodules, when they are asked for.

    The names are those that it imports under `if TYPE_CHECKING:`, where type checkers and editors find them: they are
    written once.

    Args:
        package: its `__name__`.
    """
    module = sys.modules[package]
    places: dict[str, tuple[str, str]] = {}

    def found(name: str) -> Any:
        if not places:
            places.update(_listed(module))
        if name in places:
            source, member = places[name]
            value = getattr(importlib.import_module(source), member)
        elif name.startswith("__") or importlib.util.find_spec(f"{package}.{name}") is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        else:
            value = importlib.import_module(f"{package}.{name}")
        setattr(module, name, value)
        return value

    return found, lambda: sorted({*vars(module), *getattr(module, "__all__", ())})


def _listed(module: Any) -> dict[str, tuple[str, str]]:
    """Name -> where it comes from and what it is called there, of all imports under `if TYPE_CHECKING:`."""
    source = module.__spec__.loader.get_source(module.__name__)
    blocks = [node for node in ast.parse(source).body if isinstance(node, ast.If)]
    lines = [line for block in blocks if ast.unparse(block.test) == "TYPE_CHECKING" for line in block.body]
    return {
        alias.asname or alias.name: (str(line.module), alias.name)
        for line in lines
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }


class Catalogue(Mapping[str, T]):
    """Things by name: each is made, or imported, when it is asked for.

    Attributes:
        said: name -> what is known of it before.
    """

    def __init__(self, said: Mapping[str, Any], made: Callable[[str], T]):
        self.said, self._made = said, made

    def __getitem__(self, name: str) -> T:
        if name not in self.said:
            raise KeyError(name)
        return self._made(name)

    def __contains__(self, name: object) -> bool:
        return name in self.said

    def __iter__(self) -> Iterator[str]:
        return iter(self.said)

    def __len__(self) -> int:
        return len(self.said)


def member(package: str, place: str) -> Any:
    """What stands at a place within a package, "module:name" or "folder.module:name"."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(f"{package}.{module}"), name)
